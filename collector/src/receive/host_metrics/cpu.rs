//! What processors did. Comes in: `/proc/stat` and `/proc/loadavg`. Goes out: metrics. A line that is not understood is
//! passed over. <https://docs.kernel.org/filesystems/proc.html>

use crate::measurements::{Kind, Metric, Point};

/// In the order of the file. What guests had is in `user` already, and follows.
const STATES: [&str; 8] = ["user", "nice", "system", "idle", "wait", "interrupt", "softirq", "steal"];

/// Ticks in a second, as the kernel tells them to programs: a constant of its interface on every processor there are
/// images for.
const TICKS: f64 = 100.0;

/// When the node began to count, in nanoseconds since the Unix epoch; 0 where it does not say.
pub(super) fn boot_time(stat: &str) -> u64 {
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
    seconds.map_or(0, |seconds| seconds.saturating_mul(1_000_000_000))
}

pub(super) fn times(stat: &str, boot: u64) -> [Metric; 2] {
    let mut time = Metric::new("system.cpu.time", "s", Kind::Count);
    let mut count = 0_u64;
    for line in stat.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(name) = words.next().filter(|name| is_processor(name)) else { continue };
        count += 1;
        for (state, ticks) in STATES.iter().zip(words.map_while(|word| word.parse::<u64>().ok())) {
            let point = Point::new(ticks as f64 / TICKS).since(boot).of("cpu", name.to_owned()).of("state", *state);
            time.points.push(point);
        }
    }
    let mut logical = Metric::new("system.cpu.logical.count", "{cpu}", Kind::Amount);
    logical.points.extend((count > 0).then(|| Point::new(count)));
    [time, logical]
}

/// `cpu7`, and not `cpu`, which is all of them.
fn is_processor(name: &str) -> bool {
    name.strip_prefix("cpu").is_some_and(|number| number.parse::<u32>().is_ok())
}

pub(super) fn load(text: &str) -> Vec<Metric> {
    const NAMES: [&str; 3] =
        ["system.cpu.load_average.1m", "system.cpu.load_average.5m", "system.cpu.load_average.15m"];
    let values = text.split_ascii_whitespace().map_while(|word| word.parse::<f64>().ok());
    let metrics = NAMES.into_iter().zip(values);
    metrics.map(|(name, value)| Metric::new(name, "{thread}", Kind::Gauge).with(Point::new(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurements::Value;

    const STAT: &str = "\
cpu  201 0 102 9003 4 0 6 7 0 0
cpu0 100 0 51 4501 2 0 3 3 0 0
cpu1 101 0 51 4502 2 0 3 4 0 0
intr 8 0 9
btime 1764000000
processes 4711
procs_running 2
";

    #[test]
    fn each_processor_has_its_time_in_each_state_since_the_boot() {
        let boot = boot_time(STAT);
        assert_eq!(boot, 1_764_000_000_000_000_000);
        let [time, count] = times(STAT, boot);
        assert_eq!((time.name.as_ref(), time.unit, time.kind), ("system.cpu.time", "s", Kind::Count));
        assert_eq!(time.points.len(), 16);
        let expected = Point::new(45.02).since(boot).of("cpu", "cpu1").of("state", "idle");
        assert!(time.points.contains(&expected), "{time:?}");
        assert_eq!(count.points[0].value, Value::Integer(2));
    }

    #[test]
    fn an_old_kernel_has_fewer_states_and_a_damaged_line_none() {
        let [time, count] = times("cpu0 1 2 3 4\ncpu1 x 2\ncpux 1\ncpu2", 0);
        let states: Vec<_> = time.points.iter().map(|point| point.attributes[1].1.as_ref()).collect();
        assert_eq!(states, ["user", "nice", "system", "idle"]);
        assert_eq!(count.points[0].value, Value::Integer(3));
        assert_eq!(boot_time("btime\nbtime x\n"), 0);
        assert!(times("", 0).iter().all(|metric| metric.points.is_empty()));
    }

    #[test]
    fn the_load_stands_in_three_gauges() {
        let load = load("0.52 1.25 2 2/345 6789\n");
        let told: Vec<_> = load.iter().map(|metric| (metric.name.as_ref(), metric.points[0].value)).collect();
        let name = |span: &str| format!("system.cpu.load_average.{span}");
        assert_eq!(told[0], (name("1m").as_str(), Value::Number(0.52)));
        assert_eq!(told[2], (name("15m").as_str(), Value::Number(2.0)));
        assert_eq!(super::load("0.52 x").len(), 1);
    }
}
