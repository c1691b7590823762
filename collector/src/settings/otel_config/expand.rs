//! Variables in an OpenTelemetry Collector's file: `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`, and `$$` for a `$`.
//!
//! Comes in: a parsed document and the variables. Goes out: every value that is no map, with its path and with what the
//! variables say in it; warnings and problems. What stands for a whole value has the type its text has as YAML, as
//! there; what stands inside a text is text. Must not read files or addresses, which may be named there too, nor print
//! what a variable holds.

use crds::problem::Problem;
use serde_json::Value;

use super::super::Variables;

/// Variables in variables: no file has more of them, and one that names itself has no end.
const MOST: usize = 100;

/// A value that is no map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    pub(super) value: Value,
    /// The text of the variable it was read from: `0123` is a number as YAML, and may be meant as a name.
    written: Option<String>,
}

/// A document without maps and variables.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub(super) leaves: Vec<(String, Leaf)>,
    pub(super) warnings: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

impl Leaf {
    pub(super) fn text(&self) -> Option<&str> {
        self.written.as_deref().or_else(|| self.value.as_str())
    }
}

impl Flat {
    /// An empty map asks for nothing, and so does a value that is absent.
    pub(super) fn of(document: &Value, variables: &Variables) -> Self {
        let mut flat = Self::default();
        flat.add("", document, variables, MOST);
        flat
    }

    fn add(&mut self, path: &str, value: &Value, variables: &Variables, depth: usize) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.add(&path, value, variables, depth);
                }
            }
            Value::Null => {}
            Value::Array(list) => {
                let list = list.iter().filter_map(|value| self.expanded(path, value, variables)).map(|leaf| leaf.value);
                let value = Value::Array(list.collect());
                self.leaves.push((path.to_owned(), Leaf { value, written: None }));
            }
            value => match self.expanded(path, value, variables) {
                Some(Leaf { value: value @ (Value::Object(_) | Value::Array(_)), .. }) if depth > 0 => {
                    self.add(path, &value, variables, depth - 1);
                }
                Some(Leaf { value: Value::Null, .. }) | None => {}
                Some(leaf) => self.leaves.push((path.to_owned(), leaf)),
            },
        }
    }

    fn expanded(&mut self, path: &str, value: &Value, variables: &Variables) -> Option<Leaf> {
        let Value::String(text) = value else { return Some(Leaf { value: value.clone(), written: None }) };
        let (leaf, unset) = match expand(text, variables) {
            Ok(found) => found,
            Err(message) => {
                self.problems.push(Problem::new(path, message));
                return None;
            }
        };
        for name in unset {
            self.warnings.push(format!("{path}: the variable {name} is not set; nothing is taken for it"));
        }
        Some(leaf)
    }
}

/// A text with what its variables hold, and the names of those that are not set.
fn expand(text: &str, variables: &Variables) -> Result<(Leaf, Vec<String>), String> {
    let (mut text, mut written, mut unset) = (text.to_owned(), None, Vec::new());
    for _ in 0..MOST {
        let Some((open, close)) = next(&text) else {
            let value = Value::String(text.replace("$$", "$"));
            return Ok((Leaf { value, written }, unset));
        };
        let found = held(&text[open + 2..close], variables, &mut unset)?;
        if (open, close + 1) != (0, text.len()) {
            text.replace_range(open..=close, &found);
            continue;
        }
        match serde_saphyr::from_str(&found) {
            Ok(Value::String(_)) | Err(_) => text = found,
            Ok(value) => {
                written = (!value.is_null()).then_some(found);
                return Ok((Leaf { value, written }, unset));
            }
        }
    }
    Err("names variables that name variables without end".to_owned())
}

/// Where the first variable begins and ends: the innermost one, and not one behind an odd number of `$`.
fn next(text: &str) -> Option<(usize, usize)> {
    let mut begin = 0;
    loop {
        let close = begin + text[begin..].find('}')?;
        if let Some(open) = text[begin..close].rfind("${").map(|open| begin + open) {
            let before = text[..open].bytes().rev().take_while(|byte| *byte == b'$').count();
            if before % 2 == 0 {
                return Some((open, close));
            }
        }
        begin = close + 1;
    }
}

fn held(named: &str, variables: &Variables, unset: &mut Vec<String>) -> Result<String, String> {
    let named = match named.split_once(':') {
        None => named,
        Some(("env", named)) => named,
        Some((scheme, _)) => {
            return Err(format!(
                "asks for something of {scheme:?}; only variables are read here, written as ${{env:NAME}} or \
                 ${{env:NAME:-default}}"
            ));
        }
    };
    let (name, default) = named.split_once(":-").map_or((named, None), |(name, default)| (name, Some(default)));
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(format!("{name:?} is no name of a variable; use letters, digits and _, or write $$ for a $"));
    }
    let held = variables.get(name).map(String::as_str).or(default);
    if held.is_none() {
        unset.push(name.to_owned());
    }
    Ok(held.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let pairs = [
            ("NUMBER", "50"),
            ("NAME", "main"),
            ("WHICH", "NAME"),
            ("EMPTY", ""),
            ("LIST", "[a, '${NAME}']"),
            ("MAP", "{a: {b: '${env:NUMBER}'}}"),
            ("DOLLAR", "a$$b"),
            ("SELF", "${SELF}"),
            ("BROKEN", "a: ["),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn flat(value: &str) -> Flat {
        Flat::of(&serde_json::json!({ "k": value }), &variables())
    }

    #[test]
    fn variables_are_read_as_an_opentelemetry_collector_reads_them() {
        for (text, wanted) in [
            ("plain", "[[\"k\",\"plain\"]]"),
            ("${env:NUMBER}", "[[\"k\",50]]"),
            ("${NUMBER}s", "[[\"k\",\"50s\"]]"),
            ("${env:NAME}-${NAME}", "[[\"k\",\"main-main\"]]"),
            ("${env:${WHICH}}", "[[\"k\",\"main\"]]"),
            ("${env:NOBODY:-5s}", "[[\"k\",\"5s\"]]"),
            ("${env:NUMBER:-5s}", "[[\"k\",50]]"),
            ("${env:EMPTY:-5s}", "[]"),
            ("${env:EMPTY}", "[]"),
            ("${env:LIST}", "[[\"k\",[\"a\",\"main\"]]]"),
            ("${env:MAP}", "[[\"k.a.b\",50]]"),
            ("$${NUMBER}", "[[\"k\",\"${NUMBER}\"]]"),
            ("$$${NUMBER}", "[[\"k\",\"$50\"]]"),
            ("$${a} ${NAME}", "[[\"k\",\"${a} main\"]]"),
            ("$NAME", "[[\"k\",\"$NAME\"]]"),
            ("{${NAME}", "[[\"k\",\"{main\"]]"),
            ("${DOLLAR}", "[[\"k\",\"a$b\"]]"),
            ("${BROKEN}", "[[\"k\",\"a: [\"]]"),
        ] {
            let found = flat(text);
            let leaves: Vec<_> = found.leaves.into_iter().map(|(path, leaf)| (path, leaf.value)).collect();
            assert_eq!(serde_json::to_string(&leaves).unwrap(), wanted, "{text}");
            assert!(found.problems.is_empty() && found.warnings.is_empty(), "{text}");
        }
        assert_eq!(flat("${NUMBER}").leaves[0].1.text(), Some("50"), "a text where a text is wanted");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_what_is_not_set_is_told() {
        for (text, told) in [
            ("${file:/etc/passwd}", "\"file\""),
            ("${yaml:a}", "\"yaml\""),
            ("${NAME:-x}", "${env:NAME:-default}"),
            ("${1A}", "no name"),
            ("${SELF}", "without end"),
        ] {
            let problems = flat(text).problems;
            assert!(problems.len() == 1 && problems[0].to_string().contains(told), "{text}: {problems:?}");
        }
        let unset = flat("${env:NOBODY}");
        assert!(unset.leaves.is_empty() && unset.problems.is_empty());
        assert!(unset.warnings[0].contains("k: the variable NOBODY is not set"), "{:?}", unset.warnings);
    }
}
