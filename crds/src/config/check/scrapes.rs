//! The meaning of the sections of `receivers` that measure: what the types cannot rule out.
//!
//! Comes in: the whole document, for only an agent measures. Goes out: every [`Problem`] of the sections.

use super::{
    super::{CollectorConfig, KubeletMetrics, Role},
    endpoint_problem,
};
use crate::{problem::Problem, quantity::Duration};

/// Less is a load of its own, more is no measurement.
const INTERVALS: [Duration; 2] = [Duration::seconds(1), Duration::seconds(3600)];

pub(super) fn problems(config: &CollectorConfig, found: &mut Vec<Problem>) {
    if let Some(host) = &config.receivers.host_metrics {
        section("receivers.hostMetrics", config.role, host.interval, found);
        if !host.root_directory.starts_with('/') {
            let message = format!("{:?} is no absolute path; begin it with /", host.root_directory);
            found.push(Problem::new("receivers.hostMetrics.rootDirectory", message));
        }
    }
    if let Some(kubelet) = &config.receivers.kubelet_metrics {
        section("receivers.kubeletMetrics", config.role, kubelet.interval, found);
        kubelet_problems(kubelet, found);
    }
}

fn kubelet_problems(kubelet: &KubeletMetrics, found: &mut Vec<Problem>) {
    // A token is shown there, so never without TLS.
    let endpoint = kubelet.endpoint.as_ref();
    found.extend(endpoint.and_then(|it| endpoint_problem("receivers.kubeletMetrics.endpoint", it, &["https"])));
    if kubelet.insecure_skip_verify && kubelet.ca_file.is_some() {
        let message = "insecureSkipVerify would ignore it; remove one of both";
        found.push(Problem::new("receivers.kubeletMetrics.caFile", message));
    }
}

fn section(field: &str, role: Role, interval: Duration, found: &mut Vec<Problem>) {
    if role != Role::Agent {
        let message = format!("role {} does not measure nodes; remove the section", role.as_str());
        found.push(Problem::new(field, message));
    }
    found.extend(self::interval(&format!("{field}.interval"), interval));
}

/// Why a source cannot be read so often or so seldom, if so.
pub(super) fn interval(field: &str, interval: Duration) -> Option<Problem> {
    let [shortest, longest] = INTERVALS;
    let is_outside = interval < shortest || interval > longest;
    is_outside.then(|| Problem::new(field, format!("{interval} is outside {shortest} … {longest}")))
}
