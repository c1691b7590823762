//! Memory and paging. Comes in: `/proc/meminfo`, `/proc/swaps`, `/proc/vmstat`. Goes out: metrics.

use crate::measurements::{Kind, Metric, Point};

/// Each byte of memory in one state: their sum is the memory the node has.
pub(super) fn usage(meminfo: &str) -> Metric {
    let mut metric = Metric::new("system.memory.usage", "By", Kind::Amount);
    let of = |name| number(meminfo, name, ':').map(|kib| kib.saturating_mul(1024));
    let (Some(total), Some(free)) = (of("MemTotal"), of("MemFree")) else { return metric };
    let states = [
        ("free", free),
        ("buffered", of("Buffers").unwrap_or(0)),
        ("cached", of("Cached").unwrap_or(0)),
        ("slab_reclaimable", of("SReclaimable").unwrap_or(0)),
        ("slab_unreclaimable", of("SUnreclaim").unwrap_or(0)),
    ];
    let used = states.iter().fold(total, |left, (_, bytes)| left.saturating_sub(*bytes));
    let all = states.into_iter().chain([("used", used)]);
    metric.points = all.map(|(state, bytes)| Point::new(bytes).of("state", state)).collect();
    metric
}

/// How much of each swap is used.
pub(super) fn swaps(swaps: &str) -> Metric {
    let mut metric = Metric::new("system.paging.usage", "By", Kind::Amount);
    for line in swaps.lines().skip(1) {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [device, _, size, used, ..] = words[..] else { continue };
        let (Ok(size), Ok(used)) = (size.parse::<u64>(), used.parse::<u64>()) else { continue };
        for (state, kib) in [("used", used), ("free", size.saturating_sub(used))] {
            let point = Point::new(kib.saturating_mul(1024)).of("device", device.to_owned()).of("state", state);
            metric.points.push(point);
        }
    }
    metric
}

/// Pages in and out of swaps, and faults. A fault is minor where no disk is read for it.
pub(super) fn paging(vmstat: &str, boot: u64) -> [Metric; 2] {
    let of = |name| number(vmstat, name, ' ');
    let mut operations = Metric::new("system.paging.operations", "{operation}", Kind::Count);
    for (direction, name) in [("page_in", "pswpin"), ("page_out", "pswpout")] {
        let point = |pages: u64| Point::new(pages).since(boot).of("direction", direction).of("type", "major");
        operations.points.extend(of(name).map(point));
    }
    let mut faults = Metric::new("system.paging.faults", "{fault}", Kind::Count);
    if let (Some(all), Some(major)) = (of("pgfault"), of("pgmajfault")) {
        for (kind, count) in [("major", major), ("minor", all.saturating_sub(major))] {
            faults.points.push(Point::new(count).since(boot).of("type", kind));
        }
    }
    [operations, faults]
}

/// The number after a name and a separator, as `MemFree:   1234 kB`.
fn number(text: &str, name: &str, separator: char) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(separator))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurements::Value;

    const MEMINFO: &str = "\
MemTotal:        8000 kB
MemFree:         1000 kB
MemAvailable:    3000 kB
Buffers:          100 kB
Cached:          2000 kB
SwapCached:         7 kB
SReclaimable:     300 kB
SUnreclaim:       200 kB
";

    fn by_first(metric: &Metric) -> Vec<(String, i64)> {
        let told = metric.points.iter().map(|point| match point.value {
            Value::Integer(value) => (point.attributes[0].1.clone().into_owned(), value),
            Value::Number(_) => panic!("{point:?}"),
        });
        told.collect()
    }

    #[test]
    fn the_states_of_memory_add_up_to_all_of_it() {
        let usage = by_first(&usage(MEMINFO));
        assert!(usage.contains(&("used".into(), 4400 * 1024)) && usage.contains(&("cached".into(), 2000 * 1024)));
        assert_eq!(usage.iter().map(|(_, bytes)| bytes).sum::<i64>(), 8000 * 1024);
        assert!(super::usage("MemTotal: x kB\nMemFree: 1 kB").points.is_empty());
        let odd = by_first(&super::usage("MemTotal: 10 kB\nMemFree: 8 kB\nCached: 9 kB\n"));
        assert!(odd.contains(&("used".into(), 0)), "{odd:?}");
    }

    #[test]
    fn swaps_are_used_or_free() {
        let text = "Filename\t\tType\tSize\tUsed\tPriority\n/dev/zram0  partition\t100\t30\t-2\n/odd file\n";
        let points = swaps(text).points;
        assert_eq!(points.len(), 2);
        assert_eq!(points[1], Point::new(70_u64 * 1024).of("device", "/dev/zram0").of("state", "free"));
    }

    #[test]
    fn faults_are_major_or_minor() {
        let [operations, faults] = paging("pswpin 4\npswpout 5\npgfault 100\npgmajfault 7\n", 9);
        assert_eq!(by_first(&operations), [("page_in".into(), 4), ("page_out".into(), 5)]);
        assert_eq!(by_first(&faults), [("major".into(), 7), ("minor".into(), 93)]);
        assert!(faults.points.iter().all(|point| point.since == 9));
        assert!(paging("pgfault x\n", 0).iter().all(|metric| metric.points.is_empty()));
    }
}
