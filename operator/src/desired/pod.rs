//! The pod all roles share: one container that can do nothing but its work.

use std::time::Duration;

use crds::config::{Role, Shutdown};
use k8s_openapi::{
    api::core::v1::{
        Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
        LocalObjectReference, ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, SeccompProfile,
        SecurityContext, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use serde_json::Value;

use super::{config_map, hash, overlay};
use crate::{
    labels, names,
    plan::{self, Plan},
};

mod mounts;

pub(super) use mounts::SPOOL;

pub(super) const OTLP_GRPC: (&str, u16) = ("otlp-grpc", plan::Ports::GRPC);
pub(super) const OTLP_HTTP: (&str, u16) = ("otlp-http", plan::Ports::HTTP);
pub(super) const FLUENT_FORWARD: (&str, u16) = ("fluent-forward", plan::Ports::FLUENT_FORWARD);
pub(super) const SYSLOG_TCP: (&str, u16) = ("syslog-tcp", plan::Ports::SYSLOG);
pub(super) const SYSLOG_UDP: (&str, u16) = ("syslog-udp", plan::Ports::SYSLOG);
pub(super) const HEALTH: (&str, u16) = ("health", 13133);
pub(super) const METRICS: (&str, u16) = ("metrics", 8888);
/// The name of the container.
pub const COLLECTOR: &str = "collector";
/// The name of the volume with the collector's file.
pub const CONFIG: &str = "config";
const CONFIG_DIRECTORY: &str = "/etc/clickstack";
/// The image's user.
const USER: i64 = 10001;
/// Beyond lame duck and drain, for the end of the process: with the defaults of `shutdown` the 30 s every pod has.
const GRACE_MARGIN: Duration = Duration::from_secs(8);

/// In what the pods of the roles differ.
pub(super) struct Shape<'a> {
    pub role: Role,
    pub config_name: String,
    pub pod: &'a plan::Pod,
    pub host_port: bool,
    pub spool: Option<&'a plan::Spool>,
    /// What the role has where the person says nothing.
    pub tolerations: Vec<Toleration>,
    pub spread: Vec<TopologySpreadConstraint>,
}

pub(super) fn template(plan: &Plan, shape: &Shape<'_>) -> PodTemplateSpec {
    let settings = &shape.pod.settings;
    let pull_secrets: Vec<_> =
        plan.image.pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    let spec = PodSpec {
        service_account_name: Some(names::role(&plan.name, shape.role)),
        automount_service_account_token: Some(shape.pod.has_token()),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(grace_seconds(&shape.pod.config.shutdown)),
        image_pull_secrets: some(&pull_secrets),
        security_context: Some(pod_security(shape.pod)),
        containers: vec![container(plan, shape)],
        volumes: Some(volumes(shape)),
        node_selector: (!settings.node_selector.is_empty()).then(|| settings.node_selector.clone()),
        tolerations: some(settings.tolerations.as_ref().unwrap_or(&shape.tolerations)),
        topology_spread_constraints: some(&spread(plan, shape)),
        affinity: settings.affinity.clone(),
        priority_class_name: settings.priority_class_name.clone(),
        ..PodSpec::default()
    };
    let metadata = ObjectMeta {
        labels: Some(labels::all(&plan.name, shape.role)),
        annotations: references_hash(shape.pod).map(|hash| [(labels::REFERENCES_HASH.to_owned(), hash)].into()),
        ..ObjectMeta::default()
    };
    overlaid(PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) }, settings.overlay.as_ref())
}

/// A constraint that does not say which pods it counts counts those of its role; Kubernetes would count none.
fn spread(plan: &Plan, shape: &Shape<'_>) -> Vec<TopologySpreadConstraint> {
    let wanted = shape.pod.settings.topology_spread_constraints.as_ref().unwrap_or(&shape.spread);
    let of_role =
        || LabelSelector { match_labels: Some(labels::selector(&plan.name, shape.role)), ..LabelSelector::default() };
    let counting = wanted.iter().cloned().map(|constraint| TopologySpreadConstraint {
        label_selector: constraint.label_selector.or_else(|| Some(of_role())),
        ..constraint
    });
    counting.collect()
}

/// `validate` has read the overlay as a pod template, so what comes of both is one too.
fn overlaid(template: PodTemplateSpec, overlay: Option<&Value>) -> PodTemplateSpec {
    let Some(overlay) = overlay else { return template };
    let mut object = serde_json::to_value(&template).unwrap_or_default();
    overlay::lay_over(&mut object, overlay);
    serde_json::from_value(object).unwrap_or(template)
}

fn some<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

/// A change of a Secret or a ConfigMap becomes a rollout: the kubelet shows it to running pods only after a minute or
/// more, and in all of them at once. Hashed are the versions and not the contents, from which a weak password could be
/// guessed by whoever may read pods.
fn references_hash(pod: &plan::Pod) -> Option<String> {
    let line =
        |plan::Dependency { referent, version }: &_| format!("{} {} {version}\n", referent.kind(), referent.name());
    let versions: String = pod.dependencies.iter().map(line).collect();
    (!versions.is_empty()).then(|| hash(&versions, 16))
}

fn grace_seconds(shutdown: &Shutdown) -> i64 {
    let longest = shutdown.lame_duck.0.saturating_add(shutdown.timeout.0).saturating_add(GRACE_MARGIN);
    i64::try_from(longest.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)
}

fn container(plan: &Plan, shape: &Shape<'_>) -> Container {
    let mut mounts = vec![read_only(CONFIG, CONFIG_DIRECTORY)];
    let settings = &shape.pod.settings;
    mounts.extend(shape.pod.mounts.iter().map(|mount| read_only(&mount.name, &mount.directory)));
    mounts.extend(shape.pod.node_folders.iter().map(mounts::of_node));
    mounts.extend(shape.spool.map(mounts::spool));
    mounts.extend(settings.volume_mounts.iter().cloned());
    let mut env = vec![from_field("POD_NAME", "metadata.name"), from_field("NODE_NAME", "spec.nodeName")];
    // A node's name need not be one that can be looked up.
    env.extend(shape.pod.asks_kubelet().then(|| from_field("NODE_IP", "status.hostIP")));
    env.extend(settings.env.iter().cloned());
    Container {
        name: COLLECTOR.to_owned(),
        image: Some(plan.image.reference.clone()),
        image_pull_policy: Some(plan.image.pull_policy.to_owned()),
        args: Some(vec!["run".to_owned(), "--config".to_owned(), format!("{CONFIG_DIRECTORY}/{}", config_map::KEY)]),
        env: Some(env),
        ports: Some(ports(shape)),
        readiness_probe: Some(probe("/ready", None, 1)),
        liveness_probe: Some(probe("/live", Some(10), 10)),
        resources: Some(settings.resources.clone()),
        security_context: Some(container_security()),
        // The last lines of a collector that failed to start are what the resource's status shows.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

fn ports(shape: &Shape<'_>) -> Vec<ContainerPort> {
    let port = |(name, number): (&str, u16), on_host: Option<u16>| ContainerPort {
        name: Some(name.to_owned()),
        container_port: number.into(),
        host_port: on_host.map(i32::from),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    let udp = |port: ContainerPort| ContainerPort { protocol: Some("UDP".to_owned()), ..port };
    let on_host = |number: u16| shape.host_port.then_some(number);
    let plan::Ports { grpc, http, fluent_forward, syslog } = shape.pod.ports;
    let mut ports = vec![port(HEALTH, None), port(METRICS, None)];
    // Nobody sends to the role cluster.
    if shape.role != Role::Cluster {
        let fluent = fluent_forward.map(|number| port(FLUENT_FORWARD, on_host(number)));
        let otlp = [port(OTLP_GRPC, on_host(grpc)), port(OTLP_HTTP, on_host(http))];
        let stream = syslog.map(|number| port(SYSLOG_TCP, on_host(number)));
        let datagrams = syslog.filter(|_| shape.pod.takes_datagrams());
        let datagrams = datagrams.map(|number| udp(port(SYSLOG_UDP, on_host(number))));
        ports.splice(0..0, otlp.into_iter().chain(fluent).chain(stream).chain(datagrams));
    }
    ports
}

/// No startup probe: it would delay readiness by its period, and liveness starts late enough.
fn probe(path: &str, initial_delay_seconds: Option<i32>, period_seconds: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(HEALTH.0.to_owned()),
            ..HTTPGetAction::default()
        }),
        initial_delay_seconds,
        period_seconds: Some(period_seconds),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}

fn volumes(shape: &Shape<'_>) -> Vec<Volume> {
    let config = Volume {
        name: CONFIG.to_owned(),
        config_map: Some(ConfigMapVolumeSource { name: shape.config_name.clone(), ..ConfigMapVolumeSource::default() }),
        ..Volume::default()
    };
    let own = std::iter::once(config).chain(shape.pod.mounts.iter().map(mounts::volume));
    let own = own.chain(shape.pod.node_folders.iter().map(mounts::node_volume));
    let own = own.chain(shape.spool.filter(|spool| spool.claim.is_none()).map(mounts::passing));
    own.chain(shape.pod.settings.volumes.iter().cloned()).collect()
}

fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

fn from_field(name: &str, path: &str) -> EnvVar {
    let field = ObjectFieldSelector { field_path: path.to_owned(), ..ObjectFieldSelector::default() };
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
        ..EnvVar::default()
    }
}

/// The restricted Pod Security Standard; or root, without any capability, where folders of the node are seen that are
/// readable to root alone, as those of the kubelet.
fn pod_security(pod: &plan::Pod) -> PodSecurityContext {
    let seccomp = SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() };
    let is_root = pod.node_folders.iter().any(|folder| folder.is_roots);
    let user = if is_root { 0 } else { USER };
    PodSecurityContext {
        run_as_non_root: (!is_root).then_some(true),
        run_as_user: Some(user),
        run_as_group: Some(user),
        fs_group: (!is_root).then_some(USER),
        seccomp_profile: Some(seccomp),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..SecurityContext::default()
    }
}
