//! The variables of ClickStack's own collector, so that this one can stand where that one stands.
//!
//! Comes in: names and values. Goes out: a gateway's configuration, secrets beside it, and warnings, each naming the
//! variable and what happens; or every problem. Must not read anything but what it is given.

use std::collections::BTreeMap;

use crds::{
    config::{ClickHouse, ClientTls, CollectorConfig, FluentForward, Oidc, Opamp, Retention, opamp_endpoint_problem},
    problem::Problem,
    quantity,
};

use super::{
    endpoint::endpoint,
    otel_config::{LARGEST_ROWS, LONGEST_AGE},
    quantities::{boolean, duration, number},
};
use crate::insert::{Login, Secret};

/// Names and values.
pub type Variables = BTreeMap<String, String>;

/// What the variables say.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) config: CollectorConfig,
    pub(super) warnings: Vec<String>,
}

/// Where ClickHouse is, in this collector's own words; goes before [`ENDPOINT`].
const OWN_ENDPOINT: &str = "CLICKSTACK_CLICKHOUSE_HTTP_ENDPOINT";
const ENDPOINT: &str = "CLICKHOUSE_ENDPOINT";
/// `transform.numericLevels`.
const NUMERIC_LEVELS: &str = "CLICKSTACK_NUMERIC_LEVELS";
const PREFIX: &str = "HYPERDX_OTEL_EXPORTER_";

/// Who says who may send, and in this collector's own words where that is kept and how the server is known.
const OPAMP: &str = "OPAMP_SERVER_URL";
const OPAMP_STATE_FILE: &str = "CLICKSTACK_OPAMP_STATE_FILE";
const OPAMP_CA_FILE: &str = "CLICKSTACK_OPAMP_TLS_CA_FILE";
const OPAMP_SKIP_VERIFY: &str = "CLICKSTACK_OPAMP_TLS_INSECURE_SKIP_VERIFY";

/// Those that say what a gateway does. With a configuration file they have no effect.
const CONFIGURING: &[&str] = &[
    OWN_ENDPOINT,
    ENDPOINT,
    NUMERIC_LEVELS,
    "CLICKHOUSE_TLS_CA_FILE",
    "CLICKHOUSE_TLS_CERT_FILE",
    "CLICKHOUSE_TLS_KEY_FILE",
    "CLICKHOUSE_TLS_SERVER_NAME_OVERRIDE",
    "CLICKHOUSE_TLS_INSECURE_SKIP_VERIFY",
    "CUSTOM_OTELCOL_CONFIG_FILE",
    "OIDC_ISSUER_URL",
    "OIDC_AUDIENCE",
    OPAMP,
    OPAMP_STATE_FILE,
    OPAMP_CA_FILE,
    OPAMP_SKIP_VERIFY,
    "ENABLE_PROMQL",
];

/// Variables that are known and ask for what there is not, with what happens instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("OTEL_AGENT_FEATURE_GATE_ARG", "there are no feature gates; it has no effect"),
    ("CLICKHOUSE_PROMETHEUS_METRICS_ENDPOINT", "ClickHouse's own metrics are not scraped and nothing is written to it"),
];

/// As [`UNSUPPORTED`], where they are true.
const UNSUPPORTED_SWITCHES: &[(&str, &str)] = &[
    ("ENABLE_PROMQL", "the table metrics_ts is made, but nothing is written to it"),
    (
        "HYPERDX_OTEL_EXPORTER_CREATE_LEGACY_SCHEMA",
        "absent tables are made as ClickStack's; tables of the older form that are there are written to as they are",
    ),
    (
        "HYPERDX_OTEL_EXPORTER_CLICKHOUSE_JSON_ENABLE",
        "attributes are written as maps; tables with JSON columns are not made",
    ),
];

/// Whether the variables alone make a gateway.
pub(super) fn is_configured(variables: &Variables) -> bool {
    [OWN_ENDPOINT, ENDPOINT].iter().any(|name| variables.get(*name).is_some_and(|value| !value.is_empty()))
}

/// Those that a configuration file leaves without effect.
pub(super) fn outdone_by_a_file(variables: &Variables) -> Vec<&str> {
    let configures = |name: &&String| CONFIGURING.contains(&name.as_str()) || name.starts_with("HYPERDX_OTEL_");
    variables
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, _)| name)
        .filter(configures)
        .map(String::as_str)
        .collect()
}

/// The user and the password; secrets, and so never in the configuration.
pub(super) fn login(variables: &Variables) -> Login {
    let secret = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned().map(Secret::Text);
    let (username, password) = (secret("CLICKHOUSE_USER"), secret("CLICKHOUSE_PASSWORD"));
    // ClickHouse's own default, which a password needs beside it.
    let username = username.or_else(|| password.as_ref().map(|_| Secret::Text("default".to_owned())));
    Login { username, password }
}

/// The token senders must show, if any.
pub(super) fn token(variables: &Variables) -> Option<Secret> {
    variables.get("OTLP_AUTH_TOKEN").filter(|value| !value.is_empty()).cloned().map(Secret::Text)
}

/// A gateway as the variables want it.
pub(super) fn gateway(variables: &Variables) -> Result<Told, Vec<Problem>> {
    let mut reader = Reader { variables, problems: Vec::new(), warnings: Vec::new() };
    let config = CollectorConfig::gateway(reader.clickhouse());
    let mut told = Told { config, warnings: Vec::new() };
    reader.blocks(&mut told.config);
    told.config.transform.numeric_levels = reader.switch(NUMERIC_LEVELS);
    reader.senders(&mut told.config);
    reader.unsupported();
    told.warnings = reader.warnings;
    if reader.problems.is_empty() { Ok(told) } else { Err(reader.problems) }
}

struct Reader<'a> {
    variables: &'a Variables,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    /// An empty variable is one that is not set, as in a shell's `${NAME:-default}`.
    fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn read<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match read(self.text(name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problems.push(Problem::new(name, message));
                None
            }
        }
    }

    fn switch(&mut self, name: &str) -> bool {
        self.read(name, boolean).unwrap_or(false)
    }

    fn warn(&mut self, name: &str, what: &str) {
        self.warnings.push(format!("{name}: {what}"));
    }

    fn clickhouse(&mut self) -> ClickHouse {
        let mut clickhouse = ClickHouse::at("");
        let mut skip_verify = false;
        let name = if self.text(OWN_ENDPOINT).is_some() { OWN_ENDPOINT } else { ENDPOINT };
        if let Some(found) = self.read(name, endpoint) {
            skip_verify = found.skip_verify;
            clickhouse.endpoint = None;
            clickhouse.endpoints = found.addresses;
            for warning in found.warnings {
                self.warn(name, &warning);
            }
        }
        if let Some(database) = self.text(&format!("{PREFIX}CLICKHOUSE_DATABASE")) {
            clickhouse.database = database.to_owned();
        }
        if let Some(time) = self.positive(&format!("{PREFIX}TIMEOUT")) {
            clickhouse.timeout = time;
        }
        clickhouse.retention = self.retention();
        clickhouse.schema.reconcile_retention = self.switch(&format!("{PREFIX}RECONCILE_TABLE_TTL"));
        clickhouse.schema.promql = self.switch("ENABLE_PROMQL");
        clickhouse.tls = self.tls(&clickhouse.endpoints, skip_verify);
        clickhouse
    }

    /// ClickHouse counts a TTL in seconds.
    fn retention(&mut self) -> Retention {
        let mut time = |signal: &str| {
            let name = format!("{PREFIX}{signal}_TTL");
            let time = self.positive(&name)?;
            if !time.0.is_zero() && time < quantity::Duration::seconds(1) {
                self.problems.push(Problem::new(name, "rows would be deleted as they arrive; use at least 1s"));
            }
            Some(time)
        };
        let mut retention = time("TABLES").map_or_else(Retention::default, Retention::of);
        for (signal, of) in [
            ("LOGS", &mut retention.logs),
            ("TRACES", &mut retention.traces),
            ("METRICS", &mut retention.metrics),
            ("SESSIONS", &mut retention.sessions),
        ] {
            *of = time(signal).unwrap_or(*of);
        }
        retention
    }

    fn positive(&mut self, name: &str) -> Option<quantity::Duration> {
        let time = self.read(name, duration)?;
        if time.is_zero() {
            self.problems.push(Problem::new(name, "must be longer than 0; unset it for the default"));
        }
        Some(quantity::Duration(time))
    }

    fn tls(&mut self, addresses: &[String], skip_verify: bool) -> Option<ClientTls> {
        let file = |name: &str| self.text(&format!("CLICKHOUSE_TLS_{name}")).map(str::to_owned);
        let mut tls = ClientTls {
            ca_file: file("CA_FILE"),
            cert_file: file("CERT_FILE"),
            key_file: file("KEY_FILE"),
            server_name: file("SERVER_NAME_OVERRIDE"),
            insecure_skip_verify: skip_verify,
        };
        tls.insecure_skip_verify |= self.switch("CLICKHOUSE_TLS_INSECURE_SKIP_VERIFY");
        if tls == ClientTls::default() {
            return None;
        }
        if !addresses.iter().any(|address| address.starts_with("https://")) {
            self.warn(
                "CLICKHOUSE_TLS_*",
                "no effect, since CLICKHOUSE_ENDPOINT is without TLS; use https:// or ?secure=true",
            );
            return None;
        }
        if tls.insecure_skip_verify && tls.ca_file.take().is_some() {
            self.warn("CLICKHOUSE_TLS_CA_FILE", "no effect beside CLICKHOUSE_TLS_INSECURE_SKIP_VERIFY");
        }
        Some(tls)
    }

    /// The batch processor's variables. A sender waits for its block here, so blocks are not as old as batches may be.
    fn blocks(&mut self, config: &mut CollectorConfig) {
        let size = "HYPERDX_OTEL_BATCH_SEND_BATCH_SIZE";
        let largest = "HYPERDX_OTEL_BATCH_SEND_BATCH_MAX_SIZE";
        for name in [size, largest] {
            // 0 is "no such limit" for both.
            let Some(rows) = self.read(name, number).filter(|rows| *rows > 0) else { continue };
            if rows > LARGEST_ROWS {
                self.warn(name, "a block has 1000000 rows at most; that many are used");
            }
            let rows = rows.min(LARGEST_ROWS) as u32;
            config.blocks.max_rows = if name == size { rows } else { rows.min(config.blocks.max_rows) };
        }
        let name = "HYPERDX_OTEL_BATCH_TIMEOUT";
        if let Some(time) = self.read(name, duration).map(quantity::Duration) {
            if time > LONGEST_AGE {
                self.warn(name, "senders wait for the block, so it is 5s old at most; 5s is used");
            }
            config.blocks.max_age = time.clamp(quantity::Duration::milliseconds(1), LONGEST_AGE);
        }
    }

    /// An OpAMP server goes before OIDC, and OIDC before a token, as they do in the existing collector.
    fn senders(&mut self, config: &mut CollectorConfig) {
        if let Some(server) = self.text(OPAMP).map(str::to_owned) {
            config.receivers.otlp.auth.opamp = self.opamp(server);
            // In this mode the existing collector takes Fluent's protocol too.
            config.receivers.fluent_forward = Some(FluentForward::default());
            for name in ["OIDC_ISSUER_URL", "OIDC_AUDIENCE", "OTLP_AUTH_TOKEN"] {
                if self.text(name).is_some() {
                    self.warn(name, "no effect beside OPAMP_SERVER_URL: that server says who may send");
                }
            }
            return;
        }
        let (issuer, audience) = (self.text("OIDC_ISSUER_URL"), self.text("OIDC_AUDIENCE"));
        match (issuer.map(str::to_owned), audience.map(str::to_owned)) {
            (Some(issuer), Some(audience)) => {
                config.receivers.otlp.auth.oidc = Some(Oidc { issuer, audience, ca_file: None });
                if token(self.variables).is_some() {
                    self.warn("OTLP_AUTH_TOKEN", "no effect beside OIDC_ISSUER_URL");
                }
            }
            (Some(_), None) => self.problems.push(Problem::new("OIDC_AUDIENCE", "OIDC_ISSUER_URL needs it; set it")),
            (None, Some(_)) => self.problems.push(Problem::new("OIDC_ISSUER_URL", "OIDC_AUDIENCE needs it; set it")),
            (None, None) => {}
        }
    }

    /// The existing collector takes any certificate, and so its tokens from anybody; here that has to be asked for.
    fn opamp(&mut self, server: String) -> Option<Opamp> {
        if let Some(problem) = opamp_endpoint_problem(OPAMP, &server) {
            self.problems.push(problem);
            return None;
        }
        let mut tls = ClientTls { ca_file: self.text(OPAMP_CA_FILE).map(str::to_owned), ..ClientTls::default() };
        tls.insecure_skip_verify = self.switch(OPAMP_SKIP_VERIFY);
        if tls != ClientTls::default() && !server.starts_with("https://") {
            self.warn("CLICKSTACK_OPAMP_TLS_*", "no effect, since OPAMP_SERVER_URL is without TLS; use https://");
            tls = ClientTls::default();
        }
        if tls.insecure_skip_verify && tls.ca_file.take().is_some() {
            self.warn(OPAMP_CA_FILE, "no effect beside CLICKSTACK_OPAMP_TLS_INSECURE_SKIP_VERIFY");
        }
        let state_file = self.text(OPAMP_STATE_FILE).map(str::to_owned);
        if state_file.as_ref().is_some_and(|file| !file.starts_with('/')) {
            self.problems.push(Problem::new(OPAMP_STATE_FILE, "must be an absolute path"));
        }
        Some(Opamp { tls: (tls != ClientTls::default()).then_some(tls), state_file, ..Opamp::at(server) })
    }

    fn unsupported(&mut self) {
        for (name, what) in UNSUPPORTED {
            if self.text(name).is_some() {
                self.warn(name, what);
            }
        }
        for (name, what) in UNSUPPORTED_SWITCHES {
            if self.switch(name) {
                self.warn(name, what);
            }
        }
    }
}

#[cfg(test)]
mod tests;
