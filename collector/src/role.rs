//! What a collector runs, by its role and its file.

use crds::config::{ClickHouse, CollectorConfig, Forward, Role};

/// Where deliveries go.
#[derive(Clone, Copy, Debug)]
pub enum Outlet<'a> {
    /// Decoded into blocks and inserted.
    ClickHouse(&'a ClickHouse),
    /// Passed on unopened.
    Gateway(&'a Forward),
}

/// Whether a role listens for OTLP.
pub const fn is_sent_to(role: Role) -> bool {
    match role {
        Role::Agent | Role::Gateway => true,
        Role::Cluster => false,
    }
}

/// The outlet that the file names. None: the checks of the file have not been heard.
pub fn outlet(config: &CollectorConfig) -> Option<Outlet<'_>> {
    let clickhouse = config.clickhouse.as_ref().map(Outlet::ClickHouse);
    clickhouse.or_else(|| config.forward.as_ref().map(Outlet::Gateway))
}
