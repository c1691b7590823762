//! Comes in: the pods of one role. Goes out: how many can be relied on, and what is wrong with the others. Pure.
//!
//! A container that restarted is believed only once it has stayed up for [`STEADY_AFTER`]: between two crashes it
//! looks ready for a moment.

use std::time::Duration;

use k8s_openapi::{
    api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod},
    jiff::Timestamp,
};

/// How long a restarted container must have run.
pub const STEADY_AFTER: Duration = Duration::from_secs(10);

/// Waiting for these mends nothing by itself soon.
const STUCK: [&str; 10] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "ErrImageInspect",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "RegistryUnavailable",
];

/// As the kubelet calls it.
const OUT_OF_MEMORY: &str = "OOMKilled";

/// The kubelet goes to and fro between this and `ErrImagePull`; nothing changes by it.
const PULL_FAILS: &str = "ImagePullBackOff";

/// Something a person should know of.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Trouble {
    /// The lowest is told first.
    pub rank: u8,
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub steady: i32,
    pub troubles: Vec<Trouble>,
    pub settles_in: Option<Duration>,
}

pub fn summary<'a>(pods: impl IntoIterator<Item = &'a Pod>, now: Timestamp) -> Summary {
    let mut summary = Summary::default();
    for pod in pods.into_iter().filter(|pod| counts(pod)) {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let unsteady = containers(pod).filter_map(|container| steady_in(container, now)).max();
        let before = summary.troubles.len();
        summary.troubles.extend(unschedulable(pod, name));
        summary.troubles.extend(containers(pod).filter_map(|container| trouble(name, container, now)));
        summary.settles_in = summary.settles_in.into_iter().chain(unsteady).min();
        let is_steady = is_ready(pod) && unsteady.is_none() && summary.troubles.len() == before;
        summary.steady += i32::from(is_steady);
    }
    summary.troubles.sort();
    summary
}

/// Pods that are going away or have ended are nobody's hope and nobody's fault.
pub fn counts(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Failed" | "Succeeded"))
}

/// Init containers too, but for those that have done their work.
fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let ended_well = |container: &&ContainerStatus| {
        let ended = container.state.as_ref().and_then(|state| state.terminated.as_ref());
        ended.is_some_and(|ended| ended.exit_code == 0)
    };
    let first = status.and_then(|status| status.init_container_statuses.as_ref());
    let first = first.into_iter().flatten().filter(move |container| !ended_well(container));
    first.chain(status.and_then(|status| status.container_statuses.as_ref()).into_iter().flatten())
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn unschedulable(pod: &Pod, name: &str) -> Option<Trouble> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })?;
    let why = condition.message.as_deref().unwrap_or("no node takes it");
    Some(Trouble {
        rank: 1,
        reason: "Unschedulable".to_owned(),
        message: format!("pod {name} cannot be scheduled: {why}"),
    })
}

fn trouble(pod: &str, container: &ContainerStatus, now: Timestamp) -> Option<Trouble> {
    let state = container.state.as_ref()?;
    let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let (reason, detail) = if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().filter(|reason| STUCK.contains(reason))?;
        let reason = if reason == "ErrImagePull" { PULL_FAILS } else { reason };
        // A crash loop's own message says only how long the back-off is, and changes all the time.
        let told = last.map(ended).filter(|_| reason == "CrashLoopBackOff");
        (reason, told.or_else(|| waiting.message.as_deref().map(|told| one_line(why(told)))).unwrap_or_default())
    } else if let Some(terminated) = &state.terminated {
        ("ContainerExited", ended(terminated))
    } else {
        steady_in(container, now)?;
        ("ContainerRestarted", last.map(ended).unwrap_or_default())
    };
    // What the container died of says more than that it is held back.
    let was_out_of_memory = last.is_some_and(|last| last.reason.as_deref() == Some(OUT_OF_MEMORY));
    let reason = if was_out_of_memory { OUT_OF_MEMORY } else { reason };
    let separator = if detail.is_empty() { "" } else { ": " };
    let message = format!("pod {pod}, container {}: {reason}{separator}{detail}", container.name);
    Some(Trouble { rank: 0, reason: reason.to_owned(), message })
}

/// Time until a running container that restarted can be believed; none when it can be.
fn steady_in(container: &ContainerStatus, now: Timestamp) -> Option<Duration> {
    let running = container.state.as_ref().and_then(|state: &ContainerState| state.running.as_ref())?;
    let started = running.started_at.as_ref()?.0;
    // Whole milliseconds: a requeue must not come a moment too early.
    let ran = u64::try_from(now.as_millisecond().saturating_sub(started.as_millisecond())).unwrap_or(0);
    let left = STEADY_AFTER.checked_sub(Duration::from_millis(ran)).filter(|left| !left.is_zero())?;
    (container.restart_count > 0).then_some(left)
}

/// What a back-off says of the try before it.
fn why(message: &str) -> &str {
    message.split_once(": ErrImagePull: ").map_or(message, |(_, why)| why)
}

fn ended(state: &ContainerStateTerminated) -> String {
    let reason = state.reason.as_deref().filter(|reason| !matches!(*reason, "Error" | "Completed"));
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    let message = state.message.as_deref().map(one_line).filter(|message| !message.is_empty());
    let message = message.map_or_else(String::new, |message| format!(": {message}"));
    format!("it ended with exit code {}{reason}{message}", state.exit_code)
}

/// The last words, on one line and of a length a table can show.
fn one_line(message: &str) -> String {
    const LONGEST: usize = 400;
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let skip = line.chars().count().saturating_sub(LONGEST);
    line.chars().skip(skip).collect()
}
