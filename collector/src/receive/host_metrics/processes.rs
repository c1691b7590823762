//! How many processes there are. Comes in: `/proc/stat`, and `/proc/<number>/stat` of each. Goes out: metrics.

use std::collections::BTreeMap;

use crate::measurements::{Kind, Metric, Point};

/// How many were made since the boot.
pub(super) fn created(stat: &str, boot: u64) -> Metric {
    let count = stat.lines().find_map(|line| line.strip_prefix("processes ")?.trim().parse::<u64>().ok());
    let mut metric = Metric::new("system.processes.created", "{process}", Kind::Count);
    metric.points.extend(count.map(|count| Point::new(count).since(boot)));
    metric
}

/// The letter after the name, which stands in brackets and may have brackets itself.
pub(super) fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

pub(super) fn count(states: Vec<char>) -> Metric {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for state in states {
        *counts.entry(word(state)).or_default() += 1;
    }
    let mut metric = Metric::new("system.processes.count", "{process}", Kind::Amount);
    metric.points = counts.into_iter().map(|(status, count)| Point::new(count).of("status", status)).collect();
    metric
}

const fn word(state: char) -> &'static str {
    match state {
        'R' => "running",
        'S' => "sleeping",
        'D' => "blocked",
        'Z' => "zombies",
        'T' | 't' => "stopped",
        'I' => "idle",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_counted_by_what_they_do() {
        let stats = ["1 (init) S 0 1", "7 (a) b) R) D 1", "8 (x) S 1", "no", "9 (y) ? 1"];
        let states: Vec<_> = stats.iter().filter_map(|stat| state(stat)).collect();
        let of = |status, count: u64| Point::new(count).of("status", status);
        assert_eq!(count(states).points, [of("blocked", 1), of("sleeping", 2), of("unknown", 1)]);
        assert!(count(Vec::new()).points.is_empty());
    }

    #[test]
    fn how_many_were_made_is_told_since_the_boot() {
        assert_eq!(created("ctxt 1\nprocesses 4711\n", 5).points, [Point::new(4711_u64).since(5)]);
        assert!(created("processes x\n", 5).points.is_empty());
    }
}
