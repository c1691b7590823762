//! The meaning of the `receivers` section: what the types cannot rule out.
//!
//! Comes in: the parsed section. Goes out: every [`Problem`] in it. Must not read the files it names.

use std::net::SocketAddr;

use super::super::{Auth, CollectorConfig, Cors, FluentForward, Otlp, Receivers, Role, Tls};
use crate::problem::Problem;

pub(super) fn problems(config: &CollectorConfig, found: &mut Vec<Problem>) {
    let receivers = &config.receivers;
    otlp(&receivers.otlp, found);
    if let Some(fluent) = &receivers.fluent_forward {
        fluent_forward(fluent, &receivers.otlp, found);
        if receivers.otlp.auth != Auth::default() {
            found.extend(receivers.unlocked_fluent_problem());
        }
        unused("receivers.fluentForward", config.role, found);
    }
    if let Some(syslog) = &receivers.syslog {
        let field = "receivers.syslog.address";
        taken(field, syslog.address, &receivers.otlp, found);
        let is_fluents = receivers.fluent_forward.as_ref().is_some_and(|fluent| fluent.address == syslog.address);
        if is_fluents && syslog.address.port() != 0 {
            found.push(Problem::new(field, "is the address of fluentForward too; use another port"));
        }
        if let Some(files) = &syslog.tls {
            tls("receivers.syslog.tls", files, found);
        }
        unused("receivers.syslog", config.role, found);
    }
}

fn unused(field: &str, role: Role, found: &mut Vec<Problem>) {
    if role == Role::Cluster {
        found.push(Problem::new(field, "role cluster does not use it; remove the section"));
    }
}

impl Receivers {
    /// What is wrong with Fluent's receiver where senders of OTLP have to show who they are, also where that is said
    /// beside the document: there is no second door without a lock.
    pub fn unlocked_fluent_problem(&self) -> Option<Problem> {
        let fluent = self.fluent_forward.as_ref()?;
        let is_locked =
            fluent.shared_key_file.is_some() || fluent.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
        let message = "is missing, and senders of OTLP have to show who they are; name a key, or ask for client \
                       certificates";
        (!is_locked).then(|| Problem::new("receivers.fluentForward.sharedKeyFile", message))
    }
}

fn fluent_forward(fluent: &FluentForward, otlp: &Otlp, found: &mut Vec<Problem>) {
    taken("receivers.fluentForward.address", fluent.address, otlp, found);
    if let Some(file) = &fluent.shared_key_file {
        path("receivers.fluentForward.sharedKeyFile", file, found);
    }
    if let Some(files) = &fluent.tls {
        tls("receivers.fluentForward.tls", files, found);
    }
}

fn taken(field: &str, address: SocketAddr, otlp: &Otlp, found: &mut Vec<Problem>) {
    if address.port() != 0 && [otlp.grpc, otlp.http].contains(&address) {
        found.push(Problem::new(field, "is an address of OTLP too; use another port"));
    }
}

fn tls(field: &str, tls: &Tls, found: &mut Vec<Problem>) {
    path(&format!("{field}.certificateFile"), &tls.certificate_file, found);
    path(&format!("{field}.keyFile"), &tls.key_file, found);
    if let Some(file) = &tls.client_ca_file {
        path(&format!("{field}.clientCaFile"), file, found);
    }
}

fn otlp(otlp: &Otlp, found: &mut Vec<Problem>) {
    if otlp.grpc == otlp.http && otlp.http.port() != 0 {
        found.push(Problem::new("receivers.otlp.http", "is the address of grpc too; use two ports"));
    }
    origins(&otlp.cors, found);
    auth(&otlp.auth, found);
    if let Some(files) = &otlp.tls {
        tls("receivers.otlp.tls", files, found);
    }
}

/// Whether what an issuer says there can be believed: it comes over TLS, or from this machine.
pub fn is_safe_issuer(address: &str) -> bool {
    if let Some(rest) = address.strip_prefix("https://") {
        return !rest.is_empty() && !rest.starts_with('/');
    }
    let Some(rest) = address.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

fn origins(cors: &Cors, found: &mut Vec<Problem>) {
    for (index, origin) in cors.allowed_origins.iter().enumerate() {
        let has_path = origin.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        if origin.matches('*').count() > 1 || has_path || origin.is_empty() {
            let message = format!(
                "{origin:?} is no origin; use a scheme and a host as in https://shop.example, with at most one *"
            );
            found.push(Problem::new(format!("receivers.otlp.cors.allowedOrigins[{index}]"), message));
        }
    }
}

fn auth(auth: &Auth, found: &mut Vec<Problem>) {
    for (index, file) in auth.token_files.iter().enumerate() {
        path(&format!("receivers.otlp.auth.tokenFiles[{index}]"), file, found);
    }
    let ways = [!auth.token_files.is_empty(), auth.oidc.is_some(), auth.opamp.is_some()];
    if ways.into_iter().filter(|is_asked_for| *is_asked_for).count() > 1 {
        let message = "tokenFiles, oidc and opamp exclude each other; remove all but one";
        found.push(Problem::new("receivers.otlp.auth", message));
    }
    if let Some(opamp) = &auth.opamp {
        opamp.problems("receivers.otlp.auth.opamp", found);
    }
    let Some(oidc) = &auth.oidc else { return };
    if oidc.issuer.contains('@') {
        let message = "holds credentials; an issuer is asked without any";
        found.push(Problem::new("receivers.otlp.auth.oidc.issuer", message));
    } else if !is_safe_issuer(&oidc.issuer) {
        let message = format!("{:?} cannot be believed; use https://, or http:// on 127.0.0.1", oidc.issuer);
        found.push(Problem::new("receivers.otlp.auth.oidc.issuer", message));
    }
    if oidc.audience.is_empty() {
        let message = "is empty; name what the tokens are for, as the issuer puts it into aud";
        found.push(Problem::new("receivers.otlp.auth.oidc.audience", message));
    }
    if let Some(file) = &oidc.ca_file {
        path("receivers.otlp.auth.oidc.caFile", file, found);
    }
}

fn path(field: &str, file: &str, found: &mut Vec<Problem>) {
    if file.is_empty() {
        found.push(Problem::new(field, "is empty; name a file"));
    }
}
