//! The pod both roles share: one container that can do nothing but its work.

use crds::config::Role;
use k8s_openapi::{
    api::core::v1::{
        Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, KeyToPath,
        LocalObjectReference, ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
        ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext, Volume, VolumeMount,
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

use super::config_map;
use crate::{
    labels, names,
    plan::{Credentials, Plan},
    validate::CREDENTIALS_DIRECTORY,
};

pub(super) const OTLP_GRPC: (&str, i32) = ("otlp-grpc", 4317);
pub(super) const OTLP_HTTP: (&str, i32) = ("otlp-http", 4318);
const HEALTH: (&str, i32) = ("health", 13133);
const METRICS: (&str, i32) = ("metrics", 8888);
const CONFIG_DIRECTORY: &str = "/etc/clickstack";
/// The image's user.
const USER: i64 = 10001;
/// Readable by the pod's user and its group, and by nobody else.
const CREDENTIALS_MODE: i32 = 0o440;
/// Lame duck, drain and a margin; see the collector's `shutdown`.
const GRACE_SECONDS: i64 = 30;

/// In what the pods of the roles differ.
pub(super) struct Shape<'a> {
    pub role: Role,
    pub config_name: String,
    pub resources: &'a ResourceRequirements,
    pub credentials: Option<&'a Credentials>,
    pub host_port: bool,
}

pub(super) fn template(plan: &Plan, shape: &Shape<'_>) -> PodTemplateSpec {
    let pull_secrets: Vec<_> =
        plan.image.pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    let spec = PodSpec {
        service_account_name: Some(names::role(&plan.name, shape.role)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        image_pull_secrets: (!pull_secrets.is_empty()).then_some(pull_secrets),
        security_context: Some(pod_security()),
        containers: vec![container(plan, shape)],
        volumes: Some(volumes(shape)),
        ..PodSpec::default()
    };
    let metadata = ObjectMeta { labels: Some(labels::all(&plan.name, shape.role)), ..ObjectMeta::default() };
    PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) }
}

fn container(plan: &Plan, shape: &Shape<'_>) -> Container {
    let mut mounts = vec![read_only("config", CONFIG_DIRECTORY)];
    if shape.credentials.is_some() {
        mounts.push(read_only("credentials", CREDENTIALS_DIRECTORY));
    }
    Container {
        name: "collector".to_owned(),
        image: Some(plan.image.reference.clone()),
        image_pull_policy: Some(plan.image.pull_policy.to_owned()),
        args: Some(vec!["run".to_owned(), "--config".to_owned(), format!("{CONFIG_DIRECTORY}/{}", config_map::KEY)]),
        env: Some(vec![from_field("POD_NAME", "metadata.name"), from_field("NODE_NAME", "spec.nodeName")]),
        ports: Some(ports(shape)),
        readiness_probe: Some(probe("/ready", None, 1)),
        liveness_probe: Some(probe("/live", Some(10), 10)),
        resources: Some(shape.resources.clone()),
        security_context: Some(container_security()),
        // The last lines of a collector that failed to start are what the resource's status shows.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

fn ports(shape: &Shape<'_>) -> Vec<ContainerPort> {
    let port = |(name, number): (&str, i32), is_on_host: bool| ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        host_port: is_on_host.then_some(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    vec![port(OTLP_GRPC, shape.host_port), port(OTLP_HTTP, shape.host_port), port(HEALTH, false), port(METRICS, false)]
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
        name: "config".to_owned(),
        config_map: Some(ConfigMapVolumeSource { name: shape.config_name.clone(), ..ConfigMapVolumeSource::default() }),
        ..Volume::default()
    };
    std::iter::once(config).chain(shape.credentials.map(credentials)).collect()
}

fn credentials(wanted: &Credentials) -> Volume {
    let item =
        |key: &str, path: &str| KeyToPath { key: key.to_owned(), path: path.to_owned(), mode: Some(CREDENTIALS_MODE) };
    Volume {
        name: "credentials".to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(wanted.secret.clone()),
            items: Some(vec![item(&wanted.username_key, "username"), item(&wanted.password_key, "password")]),
            default_mode: Some(CREDENTIALS_MODE),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
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

/// The restricted Pod Security Standard.
fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
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
