//! What disks did. Comes in: `/proc/diskstats`. Goes out: metrics.
//! <https://docs.kernel.org/admin-guide/iostats.html>

use crate::measurements::{Kind, Metric, Point};

/// The kernel counts in sectors of this size, whatever the disk has.
const SECTOR: u64 = 512;

/// Disks of memory and of files: what they do is what others do once more.
const NOT_DISKS: [&str; 4] = ["loop", "ram", "fd", "sr"];

/// The numbers of a line that are asked for.
struct Disk<'a> {
    device: &'a str,
    /// Operations, merged ones, sectors and milliseconds: of reads, then of writes.
    directions: [[u64; 4]; 2],
    pending: u64,
    busy: u64,
    weighted: u64,
}

pub(super) fn metrics(diskstats: &str, boot: u64) -> [Metric; 7] {
    let disks: Vec<_> = diskstats.lines().filter_map(disk).collect();
    let directed = |name, unit, value: fn(&[u64; 4]) -> Point| {
        let mut metric = Metric::new(name, unit, Kind::Count);
        for disk in &disks {
            for (direction, counts) in ["read", "write"].into_iter().zip(&disk.directions) {
                let point = value(counts).since(boot).of("device", disk.device.to_owned());
                metric.points.push(point.of("direction", direction));
            }
        }
        metric
    };
    let whole = |name, unit, kind, value: fn(&Disk<'_>) -> Point| {
        let mut metric = Metric::new(name, unit, kind);
        let since = if kind == Kind::Count { boot } else { 0 };
        metric.points = disks.iter().map(|one| value(one).since(since).of("device", one.device.to_owned())).collect();
        metric
    };
    [
        directed("system.disk.io", "By", |counts| Point::new(counts[2].wrapping_mul(SECTOR))),
        directed("system.disk.operations", "{operation}", |counts| Point::new(counts[0])),
        directed("system.disk.merged", "{operation}", |counts| Point::new(counts[1])),
        directed("system.disk.operation_time", "s", |counts| Point::new(seconds(counts[3]))),
        whole("system.disk.io_time", "s", Kind::Count, |disk| Point::new(seconds(disk.busy))),
        whole("system.disk.weighted_io_time", "s", Kind::Count, |disk| Point::new(seconds(disk.weighted))),
        whole("system.disk.pending_operations", "{operation}", Kind::Amount, |disk| Point::new(disk.pending)),
    ]
}

fn disk(line: &str) -> Option<Disk<'_>> {
    let mut words = line.split_ascii_whitespace().skip(2);
    let device = words.next().filter(|name| !NOT_DISKS.iter().any(|kind| is_of(name, kind)))?;
    let mut numbers = words.map(|word| word.parse::<u64>().ok());
    let mut next = || numbers.next().flatten();
    let mut four = || Some([next()?, next()?, next()?, next()?]);
    Some(Disk { device, directions: [four()?, four()?], pending: next()?, busy: next()?, weighted: next()? })
}

/// `loop7` is of `loop`, `sram` and `srx` are not of `sr`.
fn is_of(name: &str, kind: &str) -> bool {
    name.strip_prefix(kind).is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
}

fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISKSTATS: &str = "\
   7       0 loop0 1 2 3 4 5 6 7 8 9 10 11
 254       0 vda 1000 20 3000 4000 500 60 7000 8000 3 10000 11000 0 0 0 0 12 13
 254       1 vda1 1 2 3 4
 259       0 nvme0n1 1 2 x 4 5 6 7 8 9 10 11
";

    #[test]
    fn a_disk_has_what_it_did_in_both_directions() {
        let metrics = metrics(DISKSTATS, 7);
        let names: Vec<_> = metrics.iter().map(|metric| (metric.name.as_ref(), metric.points.len())).collect();
        assert_eq!(names[0], ("system.disk.io", 2));
        assert_eq!(names[6], ("system.disk.pending_operations", 1), "other lines are of no disk, or damaged");
        let vda = |point: Point| point.since(7).of("device", "vda");
        assert_eq!(metrics[0].points[1], vda(Point::new(7000_u64 * 512)).of("direction", "write"));
        assert_eq!(metrics[1].points[0], vda(Point::new(1000_u64)).of("direction", "read"));
        assert_eq!(metrics[3].points[0], vda(Point::new(4.0)).of("direction", "read"));
        assert_eq!(metrics[5].points[0], vda(Point::new(11.0)));
        assert_eq!(metrics[6].points[0], Point::new(3_u64).of("device", "vda"));
    }
}
