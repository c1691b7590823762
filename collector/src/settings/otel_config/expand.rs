//! Variables in an OpenTelemetry Collector's file: `${env:NAME}`, `${env:NAME:-default}`, `${NAME}`, and `$$` for a `$`.
//!
//! Comes in: a parsed document and the variables. Goes out: every value that is no map, with its path and with what the
//! variables say in it; warnings and problems. What stands for a whole value has the type its text has as YAML, as
//! there; what stands inside a text is text. Must not read files or addresses, which may be named there too, nor print
//! what a variable holds: of a text, only what stands in the file.

use crds::problem::Problem;
use serde_json::Value;

use super::super::Variables;

/// Variables of a whole document: no file has more of them, and one whose value names itself, perhaps twice, has no end.
const MOST: usize = 500;

const ENDLESS: &str = "names more than 500 variables with all that they hold, or one that names itself; write fewer";

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
        flat.add("", document, &mut Expander { variables, left: MOST, within: None });
        flat
    }

    fn add(&mut self, path: &str, value: &Value, expander: &mut Expander<'_>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.add(&path, value, expander);
                }
            }
            Value::Null => {}
            Value::Array(list) => {
                let list = list.iter().filter_map(|value| self.expanded(path, value, expander));
                let value = Value::Array(list.map(|leaf| leaf.value).collect());
                self.leaves.push((path.to_owned(), Leaf { value, written: None }));
            }
            value => match self.expanded(path, value, expander) {
                // As deep as variables are left.
                Some(Leaf { value: inner @ (Value::Object(_) | Value::Array(_)), .. }) => {
                    let before = expander.enter(value);
                    self.add(path, &inner, expander);
                    expander.within = before;
                }
                Some(Leaf { value: Value::Null, .. }) | None => {}
                Some(leaf) => self.leaves.push((path.to_owned(), leaf)),
            },
        }
    }

    fn expanded(&mut self, path: &str, value: &Value, expander: &mut Expander<'_>) -> Option<Leaf> {
        let Value::String(text) = value else { return Some(Leaf { value: value.clone(), written: None }) };
        let (leaf, unset) = match expander.expand(text) {
            Ok(found) => found,
            // What has no end is told once, and not for each thing that is left.
            Err(message) if message == ENDLESS && self.problems.iter().any(|told| told.message == ENDLESS) => {
                return None;
            }
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

/// Puts the values of variables in their places.
struct Expander<'a> {
    variables: &'a Variables,
    /// How many more.
    left: usize,
    /// What stands in the file, where what is read now is the value of a variable in it.
    within: Option<String>,
}

impl Expander<'_> {
    /// From here on values come from the variables of this one. Gives back what was before.
    fn enter(&mut self, value: &Value) -> Option<String> {
        let before = self.within.clone();
        self.within = before.clone().or_else(|| value.as_str().map(str::to_owned));
        before
    }

    /// A text with what its variables hold, and the names of those that are not set.
    fn expand(&mut self, written: &str) -> Result<(Leaf, Vec<String>), String> {
        let (mut text, mut unset) = (written.to_owned(), Vec::new());
        while let Some((open, close)) = next(&text) {
            self.left = self.left.checked_sub(1).ok_or(ENDLESS)?;
            let is_own = self.within.is_none() && written.contains(&text[open..=close]);
            let source = (!is_own).then(|| self.within.as_deref().unwrap_or(written));
            let found = held(&text[open + 2..close], self.variables, source, &mut unset)?;
            if (open, close + 1) != (0, text.len()) {
                text.replace_range(open..=close, &found);
                continue;
            }
            match serde_saphyr::from_str(&found) {
                Ok(Value::String(_)) | Err(_) => text = found,
                Ok(value) => {
                    let written = (!value.is_null()).then_some(found);
                    return Ok((Leaf { value, written }, unset));
                }
            }
        }
        Ok((Leaf { value: Value::String(text.replace("$$", "$")), written: None }, unset))
    }
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

/// What a variable holds. `source` is what stands in the file, where what is named here is of a variable in it, and may be
/// part of a secret.
fn held(named: &str, variables: &Variables, source: Option<&str>, unset: &mut Vec<String>) -> Result<String, String> {
    let shown = |what: &str| source.map_or_else(|| format!("{what:?}"), |source| format!("what {source} holds"));
    let named = match named.split_once(':') {
        None => named,
        Some(("env", named)) => named,
        Some((scheme, _)) => {
            return Err(format!(
                "asks for something of {}; only variables are read here, written as ${{env:NAME}} or \
                 ${{env:NAME:-default}}",
                shown(scheme)
            ));
        }
    };
    let (name, default) = named.split_once(":-").map_or((named, None), |(name, default)| (name, Some(default)));
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(format!(
            "{} is no name of a variable; use letters, digits and _, or write $$ for a $",
            shown(name)
        ));
    }
    let held = variables.get(name).map(String::as_str).or(default);
    if held.is_none() {
        unset.push(source.map_or_else(|| name.to_owned(), |source| format!("named by {source}")));
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
            ("TWICE", "{a: '${TWICE}', b: '${TWICE}'}"),
            ("PASSWORD", "${hunter2:x}"),
            ("OTHER", "hunter${2}"),
            ("THIRD", "${hunter2}"),
            ("IN_MAP", "{a: '${hunter2:x}'}"),
            ("IN_LIST", "['${hunter2:x}']"),
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
            ("${SELF}", "names itself"),
            ("${TWICE}", "names itself"),
            ("a ${PASSWORD}", "of what a ${PASSWORD} holds"),
            ("${PASSWORD}", "of what ${PASSWORD} holds"),
            ("${OTHER}", "what ${OTHER} holds is no name"),
            ("${env:IN_MAP}", "of what ${env:IN_MAP} holds"),
            ("${env:IN_LIST}", "of what ${env:IN_LIST} holds"),
        ] {
            let problems = flat(text).problems;
            assert!(problems.len() == 1 && problems[0].to_string().contains(told), "{text}: {problems:?}");
            assert!(!problems[0].to_string().contains("hunter"), "{text}: {problems:?}");
        }
        let unset = flat("${env:NOBODY}");
        assert!(unset.leaves.is_empty() && unset.problems.is_empty());
        assert!(unset.warnings[0].contains("k: the variable NOBODY is not set"), "{:?}", unset.warnings);
        let third = flat("${THIRD}").warnings.concat();
        assert!(third.contains("named by ${THIRD} is not set") && !third.contains("hunter2"), "{third}");
    }

    #[test]
    fn variables_of_a_whole_document_have_an_end() {
        let doubling = |n: usize| format!("{{a: '${{V{n}}}', b: '${{V{n}}}'}}");
        let variables = (0..100).map(|n| (format!("V{n}"), doubling(n + 1))).collect();
        let found = Flat::of(&serde_json::json!({ "k": "${V0}", "l": ["${V0}", "x"] }), &variables);
        assert!(found.problems.len() == 1 && found.leaves.len() <= 2 * MOST, "{:?}", found.problems);
    }
}
