//! How long a table keeps its rows: what it should be, what it is, and the statement that makes them agree.
//!
//! Comes in: the name of a table, its `CREATE` statement as the server prints it, the configured times. Goes out: a
//! [`Change`]. Must not touch a rule it does not fully understand: somebody has thought about it.

use std::time::Duration;

use crds::config::Retention;

use crate::{signal::Signal, table::Table};

/// What the server calls the units, in seconds, largest first.
const UNITS: [(&str, u64); 5] = [("Week", 604_800), ("Day", 86_400), ("Hour", 3_600), ("Minute", 60), ("Second", 1)];

/// What to do with the retention of a table.
#[derive(Debug, Eq, PartialEq)]
pub enum Change {
    /// It is as it should be.
    Nothing,
    /// `<anchor> + <interval>` becomes this rule.
    Rule { rule: String, is_longer: bool },
    /// It has a rule of another kind, or none.
    Foreign,
}

/// The retention of a table this collector manages, by its name. The rollups of earlier versions count as well.
pub fn retention_of(name: &str, retention: &Retention) -> Option<Duration> {
    let signal = match Table::ALL.into_iter().find(|table| table.name() == name) {
        Some(Table::Sessions) => return Some(retention.sessions.0),
        Some(table) => table.signal(),
        None if name.strip_prefix("otel_logs_").is_some_and(is_rollup) => Signal::Logs,
        None if name.strip_prefix("otel_traces_").is_some_and(is_rollup) => Signal::Traces,
        None => return None,
    };
    let time = match signal {
        Signal::Logs => retention.logs,
        Signal::Traces => retention.traces,
        Signal::Metrics => retention.metrics,
    };
    Some(time.0)
}

/// A time in the largest unit up to a day that says it exactly, as ClickStack's own schema does.
pub fn interval(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = UNITS.into_iter().filter(|(unit, _)| *unit != "Week");
    let (unit, factor) = units.into_iter().find(|(_, factor)| seconds.is_multiple_of(*factor)).unwrap_or(("Second", 1));
    format!("toInterval{unit}({})", seconds / factor)
}

/// What has to change in a table created by `create` for it to keep rows for `wanted`.
pub fn change(create: &str, wanted: Duration) -> Change {
    let Some((anchor, present)) = ttl_clause(create).and_then(plain_rule) else { return Change::Foreign };
    // A TTL has no fractions of a second.
    let wanted = Duration::from_secs(wanted.as_secs());
    if present == wanted {
        return Change::Nothing;
    }
    Change::Rule { rule: format!("{anchor} + {}", interval(wanted)), is_longer: wanted > present }
}

/// `kv_rollup_15m`: words, and a number with a unit of time.
fn is_rollup(name: &str) -> bool {
    let Some((words, bucket)) = name.rsplit_once("rollup_") else { return false };
    let number = bucket.strip_suffix(['s', 'm', 'h', 'd']).unwrap_or_default();
    words.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// What stands between the table's own `TTL` and what follows it.
fn ttl_clause(create: &str) -> Option<&str> {
    let start = outside(create, " TTL ")? + " TTL ".len();
    let rest = &create[start..];
    let end = [" SETTINGS ", " COMMENT "].into_iter().filter_map(|word| outside(rest, word)).min();
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// Anchor and time of a rule that is nothing but `<anchor> + toInterval…(n)`.
fn plain_rule(clause: &str) -> Option<(&str, Duration)> {
    let (anchor, interval) = clause.rsplit_once(" + toInterval")?;
    let (unit, number) = interval.strip_suffix(')')?.split_once('(')?;
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let seconds = number.parse::<u64>().ok()?.checked_mul(factor)?;
    // A column, or a function of one: no second rule, no arithmetic, no keyword.
    let is_plain = outside(anchor, " ").is_none() && outside(anchor, ",").is_none();
    is_plain.then_some((anchor, Duration::from_secs(seconds)))
}

/// Where `word` first stands outside of parentheses and quotes.
fn outside(sql: &str, word: &str) -> Option<usize> {
    let (mut depth, mut quote, mut is_escaped) = (0_u32, None, false);
    for (at, letter) in sql.char_indices() {
        if depth == 0 && quote.is_none() && sql[at..].starts_with(word) {
            return Some(at);
        }
        match (quote, letter) {
            _ if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '`' | '"') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
