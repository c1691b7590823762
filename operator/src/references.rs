//! What a spec points at: Secrets and ConfigMaps of its namespace, each with the keys that must be there.
//!
//! Comes in: a spec. Goes out: [`Reference`]s, for those who look them up, who wait for them, and who are woken by
//! them. Pure: must not look whether anything exists.

use std::collections::{BTreeMap, BTreeSet};

use crds::{
    config::Role,
    v1alpha1::{
        Auth, Authority, ClickHouse, ClickStackCollectorSpec, ClientTls, FluentForward, ForwardTo, Gateway, Otlp,
        SecretKey, Tls,
    },
};

mod pod;

/// An object with a content of its own life.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Referent {
    Secret(String),
    ConfigMap(String),
}

/// A referent and the keys of it that pods of a role need.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference {
    pub role: Role,
    pub referent: Referent,
    pub keys: BTreeSet<String>,
    /// Pods start without it, too.
    pub is_optional: bool,
}

/// A referent as it was found: the names of its keys, and which version of it they are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Content {
    pub keys: BTreeSet<String>,
    /// Changes whenever the referent does, and tells nothing of what is in it.
    pub version: String,
}

/// What was found of all that a spec points at. What is absent does not exist.
pub type Found = BTreeMap<Referent, Content>;

/// The keys of a Secret of type kubernetes.io/tls.
pub const CERTIFICATE_KEYS: [&str; 2] = ["tls.crt", "tls.key"];

impl Referent {
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Secret(_) => "Secret",
            Self::ConfigMap(_) => "ConfigMap",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Secret(name) | Self::ConfigMap(name) => name,
        }
    }

    /// Where an authority's certificates are. The schema sees to it that it is one of both.
    pub fn of(authority: &Authority) -> Self {
        match (&authority.secret_name, &authority.config_map_name) {
            (_, Some(name)) => Self::ConfigMap(name.clone()),
            (name, None) => Self::Secret(name.clone().unwrap_or_default()),
        }
    }
}

/// How gateways know each other: where nothing is said, as agents know them.
pub fn siblings_tls<'a>(spec: &'a ClickStackCollectorSpec, gateway: &'a Gateway) -> Option<&'a ClientTls> {
    let spool = gateway.spool.as_ref().filter(|_| gateway.forward_to.is_none())?;
    let said = spool.siblings.as_ref().and_then(|siblings| siblings.tls.as_ref());
    let is_secure = gateway.otlp.as_ref().is_some_and(|otlp| otlp.tls.is_some());
    let of_agents = || spec.agent.as_ref()?.forward.as_ref()?.tls.as_ref();
    said.or_else(|| of_agents().filter(|_| is_secure))
}

/// Everything a spec points at, in the order of the spec.
pub fn references(spec: &ClickStackCollectorSpec) -> Vec<Reference> {
    let mut found = Vec::new();
    if let Some(gateway) = &spec.gateway {
        let mut of_role = Collect { role: Role::Gateway, found: &mut found };
        of_role.destination(spec.clickhouse.as_ref());
        of_role.forward_to(gateway.forward_to.as_ref());
        of_role.receiver(gateway.otlp.as_ref(), gateway.auth.as_ref());
        of_role.fluent_forward(gateway.fluent_forward.as_ref());
        of_role.server(gateway.syslog.as_ref().and_then(|syslog| syslog.tls.as_ref()));
        of_role.client(siblings_tls(spec, gateway));
        pod::collect(&mut of_role, &gateway.pod);
    }
    if let Some(agent) = &spec.agent {
        let mut of_role = Collect { role: Role::Agent, found: &mut found };
        of_role.receiver(agent.otlp.as_ref(), agent.auth.as_ref());
        of_role.fluent_forward(agent.fluent_forward.as_ref());
        of_role.server(agent.syslog.as_ref().and_then(|syslog| syslog.tls.as_ref()));
        of_role.client(agent.forward.as_ref().and_then(|forward| forward.tls.as_ref()));
        if let Some(token) = shown_token(spec) {
            of_role.secret(&token.secret_name, &[&token.key]);
        }
        of_role.authority(agent.kubelet_metrics.as_ref().and_then(|kubelet| kubelet.ca.as_ref()));
        pod::collect(&mut of_role, &agent.pod);
    }
    if let Some(cluster) = &spec.cluster {
        let mut of_role = Collect { role: Role::Cluster, found: &mut found };
        of_role.client(cluster.forward.as_ref().and_then(|forward| forward.tls.as_ref()));
        if let Some(token) = shown_token(spec) {
            of_role.secret(&token.secret_name, &[&token.key]);
        }
        pod::collect(&mut of_role, &cluster.pod());
    }
    found
}

/// What agents and the role cluster show to their gateways, where those ask for a token.
pub fn shown_token(spec: &ClickStackCollectorSpec) -> Option<&SecretKey> {
    spec.gateway.as_ref()?.auth.as_ref()?.tokens.first()
}

/// Gathers what the pods of one role need.
struct Collect<'a> {
    role: Role,
    found: &'a mut Vec<Reference>,
}

impl Collect<'_> {
    fn destination(&mut self, clickhouse: Option<&ClickHouse>) {
        let Some(clickhouse) = clickhouse else { return };
        if let Some(credentials) = &clickhouse.credentials {
            self.secret(&credentials.secret_name, &[&credentials.username_key, &credentials.password_key]);
        }
        self.client(clickhouse.tls.as_ref());
    }

    fn forward_to(&mut self, forward_to: Option<&ForwardTo>) {
        let Some(forward_to) = forward_to else { return };
        if let Some(auth) = &forward_to.auth {
            self.secret(&auth.token.secret_name, &[&auth.token.key]);
        }
        self.client(forward_to.tls.as_ref());
    }

    fn client(&mut self, tls: Option<&ClientTls>) {
        let Some(tls) = tls else { return };
        self.authority(tls.ca.as_ref());
        if let Some(certificate) = &tls.client_certificate {
            self.secret(&certificate.secret_name, &CERTIFICATE_KEYS);
        }
    }

    fn receiver(&mut self, otlp: Option<&Otlp>, auth: Option<&Auth>) {
        self.server(otlp.and_then(|otlp| otlp.tls.as_ref()));
        for token in auth.into_iter().flat_map(|auth| &auth.tokens) {
            self.secret(&token.secret_name, &[&token.key]);
        }
        self.authority(auth.and_then(|auth| auth.oidc.as_ref()).and_then(|oidc| oidc.ca.as_ref()));
    }

    fn fluent_forward(&mut self, fluent: Option<&FluentForward>) {
        let Some(fluent) = fluent else { return };
        if let Some(key) = &fluent.shared_key {
            self.secret(&key.secret_name, &[&key.key]);
        }
        self.server(fluent.tls.as_ref());
    }

    fn server(&mut self, tls: Option<&Tls>) {
        let Some(tls) = tls else { return };
        self.secret(&tls.secret_name, &CERTIFICATE_KEYS);
        self.authority(tls.client_ca.as_ref());
    }

    fn secret(&mut self, name: &str, keys: &[&str]) {
        self.add(Referent::Secret(name.to_owned()), keys);
    }

    fn authority(&mut self, authority: Option<&Authority>) {
        if let Some(authority) = authority {
            self.add(Referent::of(authority), &[&authority.key]);
        }
    }

    fn add(&mut self, referent: Referent, keys: &[&str]) {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        self.found.push(Reference { role: self.role, referent, keys, is_optional: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen_by_gateways(spec: &str) -> Vec<Referent> {
        let spec: ClickStackCollectorSpec = serde_saphyr::from_str(spec).unwrap();
        let of_gateways = references(&spec).into_iter().filter(|reference| reference.role == Role::Gateway);
        of_gateways.map(|reference| reference.referent).collect()
    }

    #[test]
    fn gateways_know_each_other_as_agents_know_them_unless_something_is_said() {
        let spec = |siblings: &str| {
            format!(
                "{{gateway: {{otlp: {{tls: {{secretName: own}}}}, spool: {{size: 1Gi{siblings}}}}}, \
                 agent: {{forward: {{tls: {{ca: {{configMapName: root}}}}}}}}}}"
            )
        };
        let (own, root) = (Referent::Secret("own".to_owned()), Referent::ConfigMap("root".to_owned()));
        assert_eq!(seen_by_gateways(&spec("")), [own.clone(), root]);
        let other = Referent::ConfigMap("other".to_owned());
        let said = ", siblings: {tls: {ca: {configMapName: other}}}";
        assert_eq!(seen_by_gateways(&spec(said)), [own, other]);
    }
}
