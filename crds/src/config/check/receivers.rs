//! The meaning of the `receivers` section: what the types cannot rule out.
//!
//! Comes in: the parsed section. Goes out: every [`Problem`] in it. Must not read the files it names.

use super::super::{Auth, Cors, Otlp};
use crate::problem::Problem;

pub(super) fn problems(otlp: &Otlp, found: &mut Vec<Problem>) {
    if otlp.grpc == otlp.http && otlp.http.port() != 0 {
        found.push(Problem::new("receivers.otlp.http", "is the address of grpc too; use two ports"));
    }
    origins(&otlp.cors, found);
    auth(&otlp.auth, found);
    if let Some(tls) = &otlp.tls {
        path("receivers.otlp.tls.certificateFile", &tls.certificate_file, found);
        path("receivers.otlp.tls.keyFile", &tls.key_file, found);
        if let Some(file) = &tls.client_ca_file {
            path("receivers.otlp.tls.clientCaFile", file, found);
        }
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
    let Some(oidc) = &auth.oidc else { return };
    if !auth.token_files.is_empty() {
        let message = "tokenFiles and oidc exclude each other; remove one of them";
        found.push(Problem::new("receivers.otlp.auth", message));
    }
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
