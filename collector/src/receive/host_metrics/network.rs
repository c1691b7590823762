//! What went through the node's interfaces. Comes in: `/proc/1/net/dev`. Goes out: metrics.

use crate::measurements::{Kind, Metric, Point};

/// The node's ends of its pods' interfaces: hundreds that come and go, and the kubelet tells the same of each pod.
const OF_PODS: [&str; 3] = ["veth", "cali", "lxc"];

/// Name, unit, and which number of a direction it is.
const COUNTS: [(&str, &str, usize); 4] = [
    ("system.network.io", "By", 0),
    ("system.network.packets", "{packet}", 1),
    ("system.network.errors", "{error}", 2),
    ("system.network.dropped", "{packet}", 3),
];

pub(super) fn metrics(dev: &str, boot: u64) -> Vec<Metric> {
    let devices: Vec<_> = dev.lines().filter_map(device).collect();
    let metrics = COUNTS.into_iter().map(|(name, unit, at)| {
        let mut metric = Metric::new(name, unit, Kind::Count);
        for (device, directions) in &devices {
            for (direction, counts) in ["receive", "transmit"].into_iter().zip(directions) {
                let point = Point::new(counts[at]).since(boot).of("device", (*device).to_owned());
                metric.points.push(point.of("direction", direction));
            }
        }
        metric
    });
    metrics.collect()
}

/// A name and eight numbers each of what came in and went out. The first two lines are the table's head.
fn device(line: &str) -> Option<(&str, [[u64; 4]; 2])> {
    let (name, numbers) = line.split_once(':')?;
    let name = name.trim();
    if name.is_empty() || OF_PODS.iter().any(|kind| name.starts_with(kind)) {
        return None;
    }
    let numbers: Vec<u64> = numbers.split_ascii_whitespace().map_while(|word| word.parse().ok()).collect();
    let four = |from: usize| numbers.get(from..from + 4)?.try_into().ok();
    Some((name, [four(0)?, four(8)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:90001     302    3    4    0     0          0         0    80002     205    6    7    0     0       0          0
veth7a:    1       1    0    0    0     0          0         0        1       1    0    0    0     0       0          0
  bad0:    1       x    0    0    0     0          0         0        1       1    0    0    0     0       0          0
";

    #[test]
    fn an_interface_has_what_came_in_and_what_went_out() {
        let metrics = metrics(DEV, 7);
        assert!(metrics.iter().all(|metric| metric.points.len() == 4), "lo and eth0: {metrics:?}");
        let eth0 = |value: u64, direction| Point::new(value).since(7).of("device", "eth0").of("direction", direction);
        assert_eq!(metrics[0].points[2..], [eth0(90001, "receive"), eth0(80002, "transmit")]);
        assert_eq!(metrics[2].points[2..], [eth0(3, "receive"), eth0(6, "transmit")]);
        assert_eq!(metrics[3].points[3], eth0(7, "transmit"));
        assert!(super::metrics("nonsense\n:\n", 0).iter().all(|metric| metric.points.is_empty()));
    }
}
