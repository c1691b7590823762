//! Comes in: the blocks of the spec. Goes out: the very file the collectors of a role get, and the mounts its paths
//! lead to. Pure; must not judge: the collector's own checks do.

use crds::{
    config::{self, CollectorConfig, Role},
    v1alpha1::{
        Agent, Auth, Authority, ClickHouse, ClickStackCollectorSpec, ClientTls, Cluster, ClusterMetrics, ContainerLogs,
        FluentForward, Forward, ForwardTo, Gateway, HostMetrics, KubeletMetrics, Otlp, Syslog, Tls,
    },
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::spool;
use crate::{
    names,
    plan::{Mount, NodeFolder},
    references::{CERTIFICATE_KEYS, Referent, shown_token, siblings_tls},
};

/// A collector's file, and what it needs beside it.
pub(super) struct Files {
    pub config: CollectorConfig,
    pub mounts: Vec<Mount>,
    pub node_folders: Vec<NodeFolder>,
}

pub(super) fn gateway(name: &str, namespace: &str, spec: &ClickStackCollectorSpec, gateway: &Gateway) -> Files {
    let mut mounts = Mounts::default();
    let spool = gateway.spool.as_ref().map(|wanted| {
        let tls = siblings_tls(spec, gateway);
        // What is forwarded is in no blocks that a sibling could store; and one that asks for an issuer's token takes
        // none of who has only keys of the resource.
        let is_closed = gateway.auth.is_some() && shown_token(spec).is_none();
        let siblings = (gateway.forward_to.is_none() && !is_closed).then(|| {
            let tls = tls.map(|tls| client_tls("sibling", tls, &mut mounts));
            config::Forward { tls, ..gateways(name, namespace, spec, &mut mounts) }
        });
        spool::of_collector(wanted.size, wanted.max_age, siblings)
    });
    let config = CollectorConfig {
        clickhouse: spec.clickhouse.as_ref().map(|clickhouse| destination(clickhouse, &mut mounts)),
        forward: gateway.forward_to.as_ref().map(|wanted| forward_to(wanted, &mut mounts)),
        receivers: config::Receivers {
            fluent_forward: gateway.fluent_forward.as_ref().map(|fluent| fluent_forward(fluent, &mut mounts)),
            syslog: gateway.syslog.as_ref().map(|wanted| syslog(wanted, &mut mounts)),
            ..receivers(gateway.otlp.as_ref(), gateway.auth.as_ref(), &mut mounts)
        },
        transform: gateway.transform.unwrap_or_default(),
        blocks: gateway.blocks.unwrap_or_default(),
        spool,
        limits: gateway.limits.unwrap_or_default(),
        shutdown: gateway.shutdown.unwrap_or_default(),
        ..empty(Role::Gateway)
    };
    Files { config, mounts: mounts.0, node_folders: Vec::new() }
}

/// The Lease bears the name of the workload and goes with the resource.
pub(super) fn cluster(
    name: &str,
    namespace: &str,
    owner: &OwnerReference,
    spec: &ClickStackCollectorSpec,
    cluster: &Cluster,
) -> Files {
    let mut mounts = Mounts::default();
    let forward = outlet(name, namespace, spec, cluster.forward.as_ref(), &mut mounts);
    let owner = config::LeaseOwner {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    };
    let lease =
        config::Lease { name: names::role(name, Role::Cluster), namespace: namespace.to_owned(), owner: Some(owner) };
    let is_all = cluster.events.is_none() && cluster.metrics.is_none();
    let wanted = cluster.metrics.clone().or_else(|| is_all.then(ClusterMetrics::default));
    let interval = config::ClusterMetrics::default().interval;
    let config = CollectorConfig {
        forward: Some(forward),
        receivers: config::Receivers {
            cluster_events: (is_all || cluster.events.is_some()).then_some(config::ClusterEvents {}),
            cluster_metrics: wanted
                .map(|wanted| config::ClusterMetrics { interval: wanted.interval.unwrap_or(interval) }),
            ..config::Receivers::default()
        },
        kubernetes: Some(config::Kubernetes {
            cluster_name: spec.cluster_name.clone(),
            lease: Some(lease),
            ..config::Kubernetes::default()
        }),
        limits: cluster.limits.unwrap_or_default(),
        shutdown: cluster.shutdown.unwrap_or_default(),
        ..empty(Role::Cluster)
    };
    Files { config, mounts: mounts.0, node_folders: Vec::new() }
}

pub(super) fn agent(name: &str, namespace: &str, spec: &ClickStackCollectorSpec, agent: &Agent) -> Files {
    let mut mounts = Mounts::default();
    let forward = outlet(name, namespace, spec, agent.forward.as_ref(), &mut mounts);
    let container_logs = agent.container_logs.as_ref().map(container_logs);
    let host_metrics = agent.host_metrics.as_ref().map(host_metrics);
    let kubelet_metrics = agent.kubelet_metrics.as_ref().map(|kubelet| kubelet_metrics(kubelet, &mut mounts));
    let logs = container_logs.iter().flat_map(|logs| log_folders(name, namespace, logs));
    let fluent_forward = agent.fluent_forward.as_ref().map(|fluent| fluent_forward(fluent, &mut mounts));
    let syslog = agent.syslog.as_ref().map(|wanted| syslog(wanted, &mut mounts));
    let spool = agent.spool.as_ref().map(|wanted| spool::of_collector(wanted.size, wanted.max_age, None));
    let spool_folder = spool.iter().map(|spool| spool::node_folder(name, namespace, spool));
    let node_folders = logs.chain(host_metrics.iter().map(root_folder)).chain(spool_folder).collect();
    let config = CollectorConfig {
        forward: Some(forward),
        receivers: config::Receivers {
            fluent_forward,
            syslog,
            container_logs,
            host_metrics,
            kubelet_metrics,
            ..receivers(agent.otlp.as_ref(), agent.auth.as_ref(), &mut mounts)
        },
        kubernetes: kubernetes(spec.cluster_name.as_ref(), agent),
        spool,
        limits: agent.limits.unwrap_or_default(),
        shutdown: agent.shutdown.unwrap_or_default(),
        ..empty(Role::Agent)
    };
    Files { config, mounts: mounts.0, node_folders }
}

fn kubernetes(cluster: Option<&String>, agent: &Agent) -> Option<config::Kubernetes> {
    let wanted = config::Kubernetes {
        cluster_name: cluster.cloned(),
        attributes: agent.kubernetes_attributes.clone(),
        ..config::Kubernetes::default()
    };
    (wanted != config::Kubernetes::default()).then_some(wanted)
}

/// To the gateways of the same resource, as they want to be met.
fn outlet(
    name: &str,
    namespace: &str,
    spec: &ClickStackCollectorSpec,
    wanted: Option<&Forward>,
    mounts: &mut Mounts,
) -> config::Forward {
    let wanted = wanted.cloned().unwrap_or_default();
    let tls = wanted.tls.as_ref().map(|tls| client_tls("gateway", tls, mounts));
    let mut forward = gateways(name, namespace, spec, mounts);
    forward.timeout = wanted.timeout.unwrap_or(forward.timeout);
    forward.retry_for = wanted.retry_for.unwrap_or(forward.retry_for);
    forward.same_gateway_for = wanted.same_gateway_for.unwrap_or(forward.same_gateway_for);
    config::Forward { tls, ..forward }
}

/// The gateways of a resource, each by itself, and the token they want to see.
fn gateways(name: &str, namespace: &str, spec: &ClickStackCollectorSpec, mounts: &mut Mounts) -> config::Forward {
    let is_secure =
        spec.gateway.as_ref().and_then(|gateway| gateway.otlp.as_ref()).is_some_and(|otlp| otlp.tls.is_some());
    let scheme = if is_secure { "https" } else { "http" };
    let host = names::host(&names::gateway_pods(name), namespace);
    let token = shown_token(spec);
    let token_file = token.map(|token| mounts.token("gateway-token", &token.secret_name, &token.key));
    config::Forward { token_file, ..config::Forward::to(format!("{scheme}://{host}:4317")) }
}

/// To gateways of somebody else.
fn forward_to(wanted: &ForwardTo, mounts: &mut Mounts) -> config::Forward {
    let mut forward = config::Forward::to(&wanted.endpoint);
    forward.timeout = wanted.timeout.unwrap_or(forward.timeout);
    forward.retry_for = wanted.retry_for.unwrap_or(forward.retry_for);
    forward.same_gateway_for = wanted.same_gateway_for.unwrap_or(forward.same_gateway_for);
    forward.tls = wanted.tls.as_ref().map(|tls| client_tls("forward", tls, mounts));
    let token = wanted.auth.as_ref().map(|auth| &auth.token);
    forward.token_file = token.map(|token| mounts.token(Mount::TOKEN, &token.secret_name, &token.key));
    forward
}

fn container_logs(wanted: &ContainerLogs) -> config::ContainerLogs {
    let defaults = config::ContainerLogs::default();
    config::ContainerLogs {
        namespaces: wanted.namespaces.clone().unwrap_or_default(),
        start_at: wanted.start_at.unwrap_or_default(),
        max_line_bytes: wanted.max_line_bytes.unwrap_or(defaults.max_line_bytes),
        ..defaults
    }
}

/// Positions have a folder for each resource: the agents of two must not share them.
fn log_folders(name: &str, namespace: &str, logs: &config::ContainerLogs) -> [NodeFolder; 2] {
    let (pods, state) = (logs.directory.clone(), logs.state_directory.clone());
    let folder = |name, on_node, in_pod, is_written| NodeFolder {
        name,
        on_node,
        in_pod,
        is_written,
        is_roots: true,
        follows_mounts: false,
    };
    [folder("pod-logs", pods.clone(), pods, false), folder("state", format!("{state}/{namespace}/{name}"), state, true)]
}

fn host_metrics(wanted: &HostMetrics) -> config::HostMetrics {
    let defaults = config::HostMetrics::default();
    config::HostMetrics { interval: wanted.interval.unwrap_or(defaults.interval), ..defaults }
}

fn kubelet_metrics(wanted: &KubeletMetrics, mounts: &mut Mounts) -> config::KubeletMetrics {
    let defaults = config::KubeletMetrics::default();
    config::KubeletMetrics {
        interval: wanted.interval.unwrap_or(defaults.interval),
        ca_file: wanted.ca.as_ref().map(|ca| mounts.authority("kubelet-ca", ca)),
        insecure_skip_verify: wanted.insecure_skip_verify,
        ..defaults
    }
}

/// What is read below it, everybody may read.
fn root_folder(host: &config::HostMetrics) -> NodeFolder {
    NodeFolder {
        name: "host",
        on_node: "/".to_owned(),
        in_pod: host.root_directory.clone(),
        is_written: false,
        is_roots: false,
        follows_mounts: true,
    }
}

fn destination(clickhouse: &ClickHouse, mounts: &mut Mounts) -> config::ClickHouse {
    let credentials = clickhouse.credentials.as_ref().map(|wanted| {
        let referent = Referent::Secret(wanted.secret_name.clone());
        let keys = [(&*wanted.username_key, "username"), (&*wanted.password_key, "password")];
        mounts.add(Mount::CREDENTIALS, referent, &keys)
    });
    let file = |name: &str| credentials.as_ref().map(|directory| format!("{directory}/{name}"));
    let defaults = config::ClickHouse::at("");
    config::ClickHouse {
        endpoint: clickhouse.endpoint.clone(),
        endpoints: clickhouse.endpoints.clone(),
        tls: clickhouse.tls.as_ref().map(|tls| client_tls("clickhouse", tls, mounts)),
        database: clickhouse.database.clone(),
        username_file: file("username"),
        password_file: file("password"),
        timeout: clickhouse.timeout.unwrap_or(defaults.timeout),
        retry_for: clickhouse.retry_for.unwrap_or(defaults.retry_for),
        retention: clickhouse.retention.unwrap_or_default(),
        schema: clickhouse.schema.clone().unwrap_or_default(),
    }
}

/// `server` is part of the volumes' names.
fn client_tls(server: &str, tls: &ClientTls, mounts: &mut Mounts) -> config::ClientTls {
    let certificate = tls.client_certificate.as_ref();
    let certificate =
        certificate.map(|wanted| mounts.certificate(&format!("{server}-certificate"), &wanted.secret_name));
    let (cert_file, key_file) = certificate.unzip();
    config::ClientTls {
        ca_file: tls.ca.as_ref().map(|ca| mounts.authority(&format!("{server}-ca"), ca)),
        cert_file,
        key_file,
        server_name: tls.server_name.clone(),
        insecure_skip_verify: tls.insecure_skip_verify,
    }
}

fn receivers(otlp: Option<&Otlp>, auth: Option<&Auth>, mounts: &mut Mounts) -> config::Receivers {
    let mut file = config::Otlp::default();
    if let Some(cors) = otlp.and_then(|otlp| otlp.http.as_ref()).and_then(|http| http.cors.clone()) {
        file.cors.allowed_origins = cors.allowed_origins.unwrap_or(file.cors.allowed_origins);
        file.cors.max_age = cors.max_age.unwrap_or(file.cors.max_age);
    }
    file.tls = otlp.and_then(|otlp| otlp.tls.as_ref()).map(|tls| server_tls("", tls, mounts));
    if let Some(auth) = auth {
        file.auth = senders(auth, mounts);
    }
    config::Receivers { otlp: file, ..config::Receivers::default() }
}

fn fluent_forward(wanted: &FluentForward, mounts: &mut Mounts) -> config::FluentForward {
    let key = wanted.shared_key.as_ref();
    config::FluentForward {
        shared_key_file: key.map(|key| {
            let referent = Referent::Secret(key.secret_name.clone());
            let directory = mounts.add("fluent-key", referent, &[(&key.key, "key")]);
            format!("{directory}/key")
        }),
        tls: wanted.tls.as_ref().map(|tls| server_tls("fluent-", tls, mounts)),
        ..config::FluentForward::default()
    }
}

fn syslog(wanted: &Syslog, mounts: &mut Mounts) -> config::Syslog {
    let tls = wanted.tls.as_ref().map(|tls| server_tls("syslog-", tls, mounts));
    config::Syslog { tls, ..config::Syslog::default() }
}

/// `receiver` begins the volumes' names.
fn server_tls(receiver: &str, tls: &Tls, mounts: &mut Mounts) -> config::Tls {
    let (certificate_file, key_file) = mounts.certificate(&format!("{receiver}certificate"), &tls.secret_name);
    let client_ca = tls.client_ca.as_ref();
    let client_ca_file = client_ca.map(|ca| mounts.authority(&format!("{receiver}client-ca"), ca));
    config::Tls { certificate_file, key_file, client_ca_file }
}

fn senders(auth: &Auth, mounts: &mut Mounts) -> config::Auth {
    let tokens = auth.tokens.iter().enumerate().map(|(index, token)| {
        let referent = Referent::Secret(token.secret_name.clone());
        let directory = mounts.add(&format!("tokens-{index}"), referent, &[(&token.key, "tokens")]);
        format!("{directory}/tokens")
    });
    let token_files = tokens.collect();
    let oidc = auth.oidc.as_ref().map(|oidc| config::Oidc {
        issuer: oidc.issuer.clone(),
        audience: oidc.audience.clone(),
        ca_file: oidc.ca.as_ref().map(|ca| mounts.authority("issuer-ca", ca)),
    });
    // A resource names its Secrets; a server that tells of tokens is for a collector that stands where another stood.
    config::Auth { token_files, oidc, opamp: None }
}

fn empty(role: Role) -> CollectorConfig {
    CollectorConfig { role, clickhouse: None, ..CollectorConfig::gateway(config::ClickHouse::at("")) }
}

/// What a file's paths lead to.
#[derive(Default)]
struct Mounts(Vec<Mount>);

impl Mounts {
    /// The directory in which the files will be.
    fn add(&mut self, name: &str, referent: Referent, files: &[(&str, &str)]) -> String {
        let directory = format!("/etc/clickstack-{name}");
        let files = files.iter().map(|(key, file)| ((*key).to_owned(), (*file).to_owned())).collect();
        self.0.push(Mount { name: name.to_owned(), directory: directory.clone(), referent, files });
        directory
    }

    fn token(&mut self, name: &str, secret: &str, key: &str) -> String {
        let directory = self.add(name, Referent::Secret(secret.to_owned()), &[(key, "token")]);
        format!("{directory}/token")
    }

    fn authority(&mut self, name: &str, authority: &Authority) -> String {
        let directory = self.add(name, Referent::of(authority), &[(&authority.key, "ca.crt")]);
        format!("{directory}/ca.crt")
    }

    /// The certificate's file and the key's.
    fn certificate(&mut self, name: &str, secret: &str) -> (String, String) {
        let [certificate, key] = CERTIFICATE_KEYS;
        let referent = Referent::Secret(secret.to_owned());
        let directory = self.add(name, referent, &[(certificate, certificate), (key, key)]);
        (format!("{directory}/{certificate}"), format!("{directory}/{key}"))
    }
}
