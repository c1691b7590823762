//! A problem of the collector's file, told in the words of the spec. Pure.

use crds::{config::Role, problem::Problem};

/// Fields of the file that stand elsewhere in the spec; the first that fits is taken.
const MOVED: [(&str, &str); 23] = [
    ("forward.tls.caFile", "{forward}.tls.ca"),
    ("forward.tls.certFile", "{forward}.tls.clientCertificate"),
    ("forward", "{forward}"),
    ("spool.siblings.tls.caFile", "{role}.spool.siblings.tls.ca"),
    ("spool.siblings.tls.certFile", "{role}.spool.siblings.tls.clientCertificate"),
    ("clickhouse.tls.caFile", "clickhouse.tls.ca"),
    ("clickhouse.tls.certFile", "clickhouse.tls.clientCertificate"),
    ("clickhouse", "clickhouse"),
    ("receivers.fluentForward.sharedKeyFile", "{role}.fluentForward.sharedKey"),
    ("receivers.fluentForward", "{role}.fluentForward"),
    ("receivers.syslog", "{role}.syslog"),
    ("receivers.otlp.cors", "{role}.otlp.http.cors"),
    ("receivers.otlp.auth.tokenFiles", "{role}.auth.tokens"),
    ("receivers.otlp.auth", "{role}.auth"),
    ("receivers.otlp", "{role}.otlp"),
    ("kubernetes.clusterName", "clusterName"),
    ("kubernetes.attributes", "{role}.kubernetesAttributes"),
    ("receivers.containerLogs", "{role}.containerLogs"),
    ("receivers.clusterEvents", "{role}.events"),
    ("receivers.clusterMetrics", "{role}.metrics"),
    ("receivers.hostMetrics", "{role}.hostMetrics"),
    ("receivers.kubeletMetrics.caFile", "{role}.kubeletMetrics.ca"),
    ("receivers.kubeletMetrics", "{role}.kubeletMetrics"),
];

pub(super) fn of_the_spec(role: Role, problem: Problem) -> Problem {
    let moved = MOVED.iter().find_map(|(from, to)| Some((problem.field.strip_prefix(from)?, to)));
    let field = match moved {
        Some((rest, to)) => {
            format!("spec.{}{rest}", to.replace("{forward}", forward(role)).replace("{role}", role.as_str()))
        }
        None => format!("spec.{}.{}", role.as_str(), problem.field),
    };
    Problem { field, ..problem }
}

/// What a role says of the gateways it sends to.
const fn forward(role: Role) -> &'static str {
    match role {
        Role::Gateway => "gateway.forwardTo",
        Role::Agent => "agent.forward",
        Role::Cluster => "cluster.forward",
    }
}
