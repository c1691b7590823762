//! The room of filesystems. Comes in: `/proc/1/mountinfo`, then what each mount says of its room. Goes out: which mounts
//! are asked, and metrics. <https://docs.kernel.org/filesystems/proc.html#proc-pid-mountinfo-information-about-mounts>

use std::collections::HashMap;

use crate::measurements::{Kind, Metric, Point};

/// What is no disk of the node: made by the kernel, in memory (which is told as memory), laid over another, read-only by
/// its kind, or on another machine, where a question may hang for ever.
const NOT_ASKED: [&str; 36] = [
    "9p",
    "afs",
    "autofs",
    "binfmt_misc",
    "bpf",
    "ceph",
    "cgroup",
    "cgroup2",
    "cifs",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "glusterfs",
    "hugetlbfs",
    "iso9660",
    "lustre",
    "mqueue",
    "nfs",
    "nfs4",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smb3",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "virtiofs",
];

/// Below these is what pods and containers have mounted, which comes and goes with them.
const NOT_BELOW: [&str; 10] = [
    "/dev/",
    "/proc/",
    "/sys/",
    "/snap/",
    "/run/containerd/",
    "/run/k3s/containerd/",
    "/var/lib/containerd/",
    "/var/lib/containers/",
    "/var/lib/docker/",
    "/var/lib/kubelet/",
];

/// A mount that is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mount {
    pub(super) point: String,
    device: String,
    kind: String,
    mode: &'static str,
}

/// Blocks, the size of one, and inodes. Free for root is more than what is available to others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Space {
    pub(super) block: u64,
    pub(super) blocks: u64,
    pub(super) free: u64,
    pub(super) available: u64,
    pub(super) inodes: u64,
    pub(super) free_inodes: u64,
}

/// Each filesystem once: where it is mounted in several places, all have the same room, and the shortest is taken.
pub(super) fn mounts(mountinfo: &str) -> Vec<Mount> {
    let mut found: HashMap<&str, Mount> = HashMap::new();
    for (number, mount) in mountinfo.lines().filter_map(line) {
        let is_nearer = |other: &Mount| mount.point.len() < other.point.len();
        if found.get(number).is_none_or(is_nearer) {
            found.insert(number, mount);
        }
    }
    let mut mounts: Vec<_> = found.into_values().collect();
    mounts.sort_by(|one, other| one.point.cmp(&other.point));
    mounts
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`: the number of the device, and its mount.
fn line(line: &str) -> Option<(&str, Mount)> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut words = mount.split(' ');
    let number = words.nth(2)?;
    let point = unescaped(words.nth(1)?);
    let is_read_only = words.next()?.split(',').any(|option| option == "ro");
    let mut words = filesystem.split(' ');
    let kind = words.next().filter(|kind| !NOT_ASKED.contains(kind) && !kind.starts_with("fuse"))?;
    if NOT_BELOW.iter().any(|folder| point.starts_with(folder)) {
        return None;
    }
    let device = unescaped(words.next()?);
    let mode = if is_read_only { "ro" } else { "rw" };
    Some((number, Mount { point, device, kind: kind.to_owned(), mode }))
}

/// Blanks and backslashes are written as `\` and three octal digits.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let letter = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(u8::is_ascii);
        match letter {
            Some(letter) => {
                out.push(letter.into());
                out.push_str(&part[3..]);
            }
            None => {
                out.push('\\');
                out.push_str(part);
            }
        }
    }
    out
}

pub(super) fn metrics<'a>(found: impl Iterator<Item = (&'a Mount, Space)>) -> [Metric; 2] {
    let mut usage = Metric::new("system.filesystem.usage", "By", Kind::Amount);
    let mut inodes = Metric::new("system.filesystem.inodes.usage", "{inode}", Kind::Amount);
    for (mount, space) in found.filter(|(_, space)| space.blocks > 0) {
        let point = |value: u64, state| {
            let point = Point::new(value).of("device", mount.device.clone()).of("mode", mount.mode);
            point.of("mountpoint", mount.point.clone()).of("type", mount.kind.clone()).of("state", state)
        };
        let bytes = |blocks: u64| blocks.saturating_mul(space.block);
        usage.points.extend([
            point(bytes(space.blocks.saturating_sub(space.free)), "used"),
            point(bytes(space.available), "free"),
            point(bytes(space.free.saturating_sub(space.available)), "reserved"),
        ]);
        // Filesystems that make inodes as they are needed say that there are none.
        if space.inodes > 0 {
            let used = space.inodes.saturating_sub(space.free_inodes);
            inodes.points.extend([point(used, "used"), point(space.free_inodes, "free")]);
        }
    }
    [usage, inodes]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
22 27 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
30 27 0:25 / /dev/shm rw shared:4 - tmpfs tmpfs rw
40 27 254:1 /var/x /srv/bind\\040mount rw,relatime - ext4 /dev/vda1 rw
50 27 254:2 / /data\\040one ro,noatime shared:9 master:2 - xfs /dev/vdb ro
60 27 0:50 / /var/lib/kubelet/pods/1/volumes/x rw - ext4 /dev/vdc rw
70 27 0:60 / /mnt/far rw - nfs4 server:/x rw
80 27 0:61 / /mnt/fuse rw - fuse.sshfs x rw
90 27 broken
";

    #[test]
    fn each_disk_of_the_node_is_asked_once() {
        let mounts = mounts(MOUNTINFO);
        let told: Vec<_> =
            mounts.iter().map(|mount| (mount.point.as_str(), mount.device.as_str(), mount.mode)).collect();
        assert_eq!(told, [("/", "/dev/vda1", "rw"), ("/data one", "/dev/vdb", "ro")]);
    }

    #[test]
    fn what_is_kept_for_root_is_neither_used_nor_free() {
        let space = Space { block: 4096, blocks: 100, free: 40, available: 35, inodes: 10, free_inodes: 4 };
        let mounts = mounts(MOUNTINFO);
        let [usage, inodes] = metrics(mounts.iter().map(|mount| (mount, space)));
        let root = |value: u64, state| {
            let point = Point::new(value).of("device", "/dev/vda1").of("mode", "rw").of("mountpoint", "/");
            point.of("type", "ext4").of("state", state)
        };
        let bytes = [root(60 * 4096, "used"), root(35 * 4096, "free"), root(5 * 4096, "reserved")];
        assert_eq!(usage.points[..3], bytes);
        assert_eq!(inodes.points[..2], [root(6, "used"), root(4, "free")]);
        let [usage, inodes] = metrics(mounts.iter().map(|mount| (mount, Space { inodes: 0, ..space })));
        assert_eq!((usage.points.len(), inodes.points.len()), (6, 0));
        assert!(metrics(mounts.iter().map(|mount| (mount, Space::default()))).iter().all(|it| it.points.is_empty()));
    }

    #[test]
    fn a_damaged_escape_stays_as_it_is() {
        assert_eq!(unescaped("a\\040b\\134c"), "a b\\c");
        assert_eq!(unescaped("a\\04"), "a\\04");
        assert_eq!(unescaped("a\\999b\\é9"), "a\\999b\\é9");
        assert_eq!(unescaped("a\\377"), "a\\377");
    }
}
