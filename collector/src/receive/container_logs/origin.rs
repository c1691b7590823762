//! What the kubelet's paths say: whose log it is, and which part of it.
//!
//! Comes in: the name of a folder below `/var/log/pods` and of a file in it. Goes out: pod and container, and where a
//! file stands in the order of a container's log. Must not look at any file.
//!
//! `NAMESPACE_POD_UID/CONTAINER/RESTARTS.log` is written to; at a rotation the kubelet renames it to
//! `RESTARTS.log.TIME`, and compresses all but the newest of those to `RESTARTS.log.TIME.gz`
//! (<https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation>).

/// The container a folder belongs to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Origin {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) uid: String,
    pub(super) container: String,
}

/// A file's place in the log of its container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Part {
    /// How often the container had been restarted when it was begun.
    pub(super) restart: u32,
    /// When it was renamed; none while it is written to. Later times are greater texts.
    pub(super) rotated: Option<String>,
    pub(super) is_compressed: bool,
}

impl Origin {
    /// The folder of the container, below that of all pods.
    pub(super) fn folder(&self) -> String {
        format!("{}_{}_{}/{}", self.namespace, self.pod, self.uid, self.container)
    }
}

/// Namespace, pod and its identity. None of them has a `_`.
pub(super) fn pod(folder: &str) -> Option<(&str, &str, &str)> {
    let mut words = folder.split('_');
    let pod = (words.next()?, words.next()?, words.next()?);
    let is_one = words.next().is_none() && !pod.0.is_empty() && !pod.1.is_empty() && !pod.2.is_empty();
    is_one.then_some(pod)
}

impl Part {
    /// The part a file's name stands for; none for what is no log, such as a file that is being compressed.
    pub(super) fn of(file: &str) -> Option<Self> {
        let (restart, rest) = file.split_once(".log")?;
        let restart = restart.parse().ok()?;
        if rest.is_empty() {
            return Some(Self { restart, rotated: None, is_compressed: false });
        }
        let rest = rest.strip_prefix('.')?;
        let (time, is_compressed) = rest.strip_suffix(".gz").map_or((rest, false), |time| (time, true));
        let is_time = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        is_time.then(|| Self { restart, rotated: Some(time.to_owned()), is_compressed })
    }

    /// Oldest first, what is written to last.
    pub(super) fn order(&self) -> (bool, &str) {
        (self.rotated.is_none(), self.rotated.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_names_namespace_pod_and_identity() {
        assert_eq!(pod("shop_cart-7d9f_0a1b-2c"), Some(("shop", "cart-7d9f", "0a1b-2c")));
        for other in ["", "shop", "shop_cart", "shop_cart_", "_cart_1", "a_b_c_d"] {
            assert_eq!(pod(other), None, "{other}");
        }
    }

    #[test]
    fn parts_stand_in_the_order_they_were_written() {
        let names = ["3.log", "3.log.20261124-101500", "3.log.20261124-101000.gz"];
        let mut parts: Vec<_> = names.iter().map(|name| Part::of(name).unwrap()).collect();
        parts.sort_by(|a, b| a.order().cmp(&b.order()));
        let times: Vec<_> = parts.iter().map(|part| (part.rotated.as_deref(), part.is_compressed)).collect();
        assert_eq!(times, [(Some("20261124-101000"), true), (Some("20261124-101500"), false), (None, false)]);
        assert!(parts.iter().all(|part| part.restart == 3));
        for other in
            ["3.log.20261124-101000.tmp", "3.log.20261124-101000.gz.tmp", "x.log", "3.txt", "3.log.", "3.log.gz"]
        {
            assert_eq!(Part::of(other), None, "{other}");
        }
    }
}
