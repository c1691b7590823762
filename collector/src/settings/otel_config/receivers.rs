//! `receivers` of an OpenTelemetry Collector's file that this collector has too.
//!
//! Comes in: a key and its value. Goes out: the configuration, changed. Must not take a key whose meaning is another
//! here.

use std::net::SocketAddr;

use crds::{config::Receivers, quantity};
use serde_json::Value;

use super::{address, expand::Leaf, whole};

/// What the file says of the two addresses of syslog, which are one here.
#[derive(Debug, Default)]
pub(super) struct SyslogAddresses {
    tcp: Option<SocketAddr>,
    udp: Option<SocketAddr>,
}

impl SyslogAddresses {
    pub(super) fn warning(&self) -> Option<String> {
        let (missing, said) = match (self.tcp, self.udp) {
            (Some(said), None) => ("UDP", said),
            (None, Some(said)) => ("TCP", said),
            _ => return None,
        };
        Some(format!("receivers.syslog: {missing} is listened to at {said} as well"))
    }
}

/// Takes `key`, which is below `receivers`.
pub(super) fn take(
    key: &str,
    leaf: &Leaf,
    receivers: &mut Receivers,
    addresses: &mut SyslogAddresses,
) -> Result<(), String> {
    const TLS: &str = "is taken in this collector's own file alone, as tls of the receiver; see README.md";
    let otlp = &mut receivers.otlp;
    match key {
        "otlp.protocols.grpc.endpoint" => otlp.grpc = address(leaf)?,
        "otlp.protocols.http.endpoint" => otlp.http = address(leaf)?,
        "otlp.protocols.http.cors.allowed_origins" => otlp.cors.allowed_origins = texts(leaf)?,
        "otlp.protocols.http.cors.allowed_headers" if leaf.value == serde_json::json!(["*"]) => {}
        "otlp.protocols.http.cors.max_age" => {
            otlp.cors.max_age = quantity::Duration::seconds(whole(leaf)?);
        }
        "fluentforward.endpoint" => receivers.fluent_forward.get_or_insert_default().address = address(leaf)?,
        "syslog.tcp.listen_address" => {
            addresses.tcp = Some(address(leaf)?);
            of_syslog(receivers, addresses)?;
        }
        "syslog.udp.listen_address" => {
            addresses.udp = Some(address(leaf)?);
            of_syslog(receivers, addresses)?;
        }
        // Both forms are told apart by themselves, and so are both framings.
        "syslog.protocol" if ["rfc3164", "rfc5424"].contains(&leaf.text().unwrap_or_default()) => {}
        "syslog.enable_octet_counting" | "syslog.tcp.enable_octet_counting" => {}
        "syslog.location" if leaf.text() == Some("UTC") => {}
        "syslog.location" => return Err("times without a zone are of UTC here; write UTC or remove it".to_owned()),
        _ if key.split('.').any(|part| part == "tls") => return Err(TLS.to_owned()),
        _ => return Err(super::UNKNOWN.to_owned()),
    }
    Ok(())
}

fn of_syslog(receivers: &mut Receivers, addresses: &SyslogAddresses) -> Result<(), String> {
    if let (Some(tcp), Some(udp)) = (addresses.tcp, addresses.udp)
        && tcp != udp
    {
        return Err(format!("TCP and UDP have one address here, and {tcp} and {udp} are two; write one"));
    }
    if let Some(address) = addresses.tcp.or(addresses.udp) {
        receivers.syslog.get_or_insert_default().address = address;
    }
    Ok(())
}

fn texts(leaf: &Leaf) -> Result<Vec<String>, String> {
    let Value::Array(list) = &leaf.value else { return Err("is not a list of texts".to_owned()) };
    list.iter()
        .map(|text| text.as_str().map(str::to_owned).ok_or_else(|| "is not a list of texts".to_owned()))
        .collect()
}
