//! The `opamp` section of `auth`: a server that says who may send.

use serde::{Deserialize, Serialize};

use super::{ClientTls, check};
use crate::{problem::Problem, quantity::Duration};

/// A server of the Open Agent Management Protocol, <https://opentelemetry.io/docs/specs/opamp/>, such as HyperDX's API.
/// It is believed in who may send and in nothing else.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Opamp {
    /// `http://host:4320` or `https://host`, with a path if any; `/v1/opamp` is put behind it.
    pub endpoint: String,
    /// How the server of an `https` endpoint is known, and how this client is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Between two questions: how long a key that is made or removed there may take to have an effect here.
    #[serde(default = "Opamp::default_interval")]
    pub interval: Duration,
    /// File in which the last answer is kept, so that the server may be away at a start. Absent: `opamp.json` in
    /// `spool.directory`, or without a spool nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_file: Option<String>,
}

/// What is put behind the endpoint, as the existing collector does.
pub const PATH: &str = "/v1/opamp";

const SHORTEST: Duration = Duration::seconds(1);
const LONGEST: Duration = Duration::seconds(3600);

impl Opamp {
    /// A server with every default.
    pub fn at(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), tls: None, interval: Self::default_interval(), state_file: None }
    }

    /// The default of the protocol.
    pub const fn default_interval() -> Duration {
        Duration::seconds(30)
    }

    pub(super) fn problems(&self, field: &str, found: &mut Vec<Problem>) {
        found.extend(opamp_endpoint_problem(&format!("{field}.endpoint"), &self.endpoint));
        if let Some(tls) = &self.tls {
            check::client_tls(&format!("{field}.tls"), check::is_secure(&self.endpoint), tls, found);
        }
        if self.interval < SHORTEST || self.interval > LONGEST {
            let message = format!("{} is outside {SHORTEST} … {LONGEST}", self.interval);
            found.push(Problem::new(format!("{field}.interval"), message));
        }
        if self.state_file.as_ref().is_some_and(|file| !file.starts_with('/')) {
            found.push(Problem::new(format!("{field}.stateFile"), "must be an absolute path"));
        }
    }
}

/// What is wrong with the address of an OpAMP server, if anything.
pub fn opamp_endpoint_problem(field: &str, endpoint: &str) -> Option<Problem> {
    let told = |message: &str| Some(Problem::new(field, message));
    // First, and never printed back: what stands before the @ is a secret.
    if endpoint.contains('@') {
        return told("holds credentials, and the server asks for none; remove them");
    }
    let rest = ["http://", "https://"].into_iter().find_map(|scheme| endpoint.strip_prefix(scheme));
    let authority = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let (host, port) = check::split_port(authority);
    let is_address = !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok());
    if !is_address || endpoint.contains(['?', '#']) || endpoint.chars().any(char::is_whitespace) {
        let message = format!("{endpoint:?} is no address over HTTP; use http://host:4320 or https://host");
        return told(&message);
    }
    if endpoint.trim_end_matches('/').ends_with(PATH) {
        return told(&format!("{PATH} is put behind it; leave that out"));
    }
    None
}
