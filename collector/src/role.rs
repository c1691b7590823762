//! What each role runs: a table.

use crds::config::Role;

/// Where a role's deliveries go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outlet {
    /// Decoded into blocks and inserted.
    ClickHouse,
    /// Passed on unopened.
    Gateway,
}

/// Whether a role listens for OTLP.
pub const fn is_sent_to(role: Role) -> bool {
    match role {
        Role::Agent | Role::Gateway => true,
        Role::Cluster => false,
    }
}

/// The outlet of a role.
pub const fn outlet(role: Role) -> Outlet {
    match role {
        Role::Agent | Role::Cluster => Outlet::Gateway,
        Role::Gateway => Outlet::ClickHouse,
    }
}
