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

/// The outlet of a role. Every role listens for OTLP.
pub const fn outlet(role: Role) -> Outlet {
    match role {
        Role::Agent => Outlet::Gateway,
        Role::Gateway => Outlet::ClickHouse,
    }
}
