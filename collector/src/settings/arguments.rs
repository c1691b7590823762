//! The command line as the existing collector's images and charts write it.
//!
//! Comes in: arguments. Goes out: arguments of this binary, and what was left out, in words. Must not hide a mistake in
//! a command of our own.

const COMMANDS: &[&str] = &["run", "check-config", "migrate", "health", "spool", "help"];

/// Programs that the existing image starts, and that charts and compose files repeat.
const PROGRAMS: &[&str] = &["entrypoint.sh", "opampsupervisor", "otelcontribcol", "otelcol", "otelcol-contrib"];

/// Options of an OpenTelemetry Collector, each with a value.
const FOREIGN: &[&str] = &["--feature-gates", "--set"];

/// The arguments to be parsed, and warnings.
pub fn arguments(given: impl IntoIterator<Item = String>) -> (Vec<String>, Vec<String>) {
    let mut given = given.into_iter();
    let mut arguments: Vec<_> = given.next().into_iter().collect();
    let (mut rest, mut warnings) = (given.peekable(), Vec::new());
    while let Some(program) = rest.next_if(|word| is_program(word)) {
        warnings.push(format!("argument {program}: there is no such program here; it has no effect"));
    }
    if rest.next_if(|word| is_migrate(word)).is_some() {
        arguments.push("migrate".to_owned());
        arguments.extend(without_folders(rest, &mut warnings));
        return (arguments, warnings);
    }
    let is_ours = rest.peek().is_some_and(|word| COMMANDS.contains(&word.as_str()) || is_about(word));
    if is_ours {
        arguments.extend(rest);
        return (arguments, warnings);
    }
    arguments.push("run".to_owned());
    while let Some(word) = rest.next() {
        match FOREIGN
            .iter()
            .find(|name| word.strip_prefix(**name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
        {
            Some(name) => {
                if !word.contains('=') {
                    rest.next();
                }
                warnings.push(format!("argument {name}: there is no such option here; it has no effect"));
            }
            None => arguments.push(word),
        }
    }
    (arguments, warnings)
}

/// The command of ours, and the program of the existing image by its path.
fn is_migrate(word: &str) -> bool {
    word == "migrate" || (word.starts_with('/') && word.ends_with("/migrate"))
}

/// The existing program is told where its statements are; here they are in the binary.
fn without_folders(words: impl Iterator<Item = String>, warnings: &mut Vec<String>) -> Vec<String> {
    let mut is_value = false;
    let mut kept = Vec::new();
    for word in words {
        if !is_value && word.starts_with('/') {
            warnings.push(format!("argument {word}: the statements are part of this program; it has no effect"));
            continue;
        }
        is_value = word == "--config";
        kept.push(word);
    }
    kept
}

fn is_program(word: &str) -> bool {
    word.rsplit('/').next().is_some_and(|name| PROGRAMS.contains(&name))
}

fn is_about(word: &str) -> bool {
    ["--help", "-h", "--version", "-V"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(given: &str) -> (String, usize) {
        let (arguments, warnings) = arguments(given.split_whitespace().map(str::to_owned));
        (arguments.join(" "), warnings.len())
    }

    #[test]
    fn command_lines_of_the_existing_image_start_a_collector() {
        for (given, wanted, warnings) in [
            ("c", "c run", 0),
            ("c --config=/conf/relay.yaml", "c run --config=/conf/relay.yaml", 0),
            ("c /entrypoint.sh /opampsupervisor", "c run", 2),
            ("c /otelcontribcol --config /x --feature-gates=a,b --set a=b", "c run --config /x", 3),
            ("c run --config /x", "c run --config /x", 0),
            ("c check-config --set a=b", "c check-config --set a=b", 0),
            ("c --version", "c --version", 0),
            ("c --config a --config=b", "c run --config a --config=b", 0),
            ("c migrate /etc/otel/schema/seed", "c migrate", 1),
            ("c /migrate /etc/otel/schema/seed", "c migrate", 1),
            ("c migrate --config /x", "c migrate --config /x", 0),
            ("c migrate seed", "c migrate seed", 0),
            ("c runn", "c run runn", 0),
        ] {
            assert_eq!(made(given), (wanted.to_owned(), warnings), "{given}");
        }
    }
}
