//! What a gateway tells of its way to ClickHouse, or to the gateway it forwards to, at `/destination` of its health
//! address.
//!
//! Written by the collector, read by the operator. No address, no user's name and no value is in it: it may be shown.

use serde::{Deserialize, Serialize};

/// The path it is told at.
pub const PATH: &str = "/destination";

/// The way to where its deliveries go, as one gateway sees it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// Who is there.
    #[serde(default)]
    pub server: Server,
    /// The tables this gateway writes to.
    pub schema: Schema,
    /// What is wrong now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// Who takes what a gateway gives.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Server {
    /// Rows are stored.
    #[default]
    ClickHouse,
    /// Deliveries are forwarded to another gateway.
    Gateway,
}

/// What is known of the tables.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Schema {
    /// The server has not been reached since the gateway began, or the tables could not be made.
    #[default]
    Pending,
    /// The tables were found or made. Of a gateway: it was reached, and the tables are its own business.
    Current,
}

/// Something between a gateway and its server that a person should know of.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    pub kind: Kind,
    /// ClickHouse's exception code, where it answered with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    /// What was tried, and what came of it.
    pub message: String,
    /// Since when, in seconds of Unix time.
    pub since: u64,
}

/// What a person would have to look at. The order is that in which they are told.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Kind {
    /// No server answers.
    Unreachable,
    /// The files with the credentials or certificates cannot be used.
    Credentials,
    /// The server does not know who we are: the user, the password or the token is wrong.
    AuthFailed,
    /// The user lacks a right.
    AccessDenied,
    /// The tables cannot be made or found.
    Schema,
    /// The server answers, and does not take blocks or deliveries.
    InsertsFail,
    /// A kind of a later version.
    #[serde(other)]
    Other,
}

impl Server {
    pub const ALL: [Self; 2] = [Self::ClickHouse, Self::Gateway];
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Unreachable,
        Self::Credentials,
        Self::AuthFailed,
        Self::AccessDenied,
        Self::Schema,
        Self::InsertsFail,
        Self::Other,
    ];

    /// The reason a condition gives.
    pub const fn reason(self, server: Server) -> &'static str {
        match (server, self) {
            (_, Self::Credentials) => "CredentialsUnusable",
            (_, Self::Schema) => "SchemaNotReady",
            (Server::ClickHouse, Self::Unreachable) => "ClickHouseUnreachable",
            (Server::ClickHouse, Self::AuthFailed) => "ClickHouseAuthFailed",
            (Server::ClickHouse, Self::AccessDenied) => "ClickHouseAccessDenied",
            (Server::ClickHouse, Self::InsertsFail) => "InsertsFail",
            (Server::ClickHouse, Self::Other) => "ClickHouseTrouble",
            (Server::Gateway, Self::Unreachable) => "ForwardUnreachable",
            (Server::Gateway, Self::AuthFailed) => "ForwardAuthFailed",
            (Server::Gateway, Self::AccessDenied) => "ForwardAccessDenied",
            (Server::Gateway, Self::InsertsFail) => "ForwardFails",
            (Server::Gateway, Self::Other) => "ForwardTrouble",
        }
    }

    /// Whether nothing at all comes through to the server.
    pub const fn is_of_the_way(self) -> bool {
        !matches!(self, Self::AccessDenied | Self::Schema | Self::InsertsFail)
    }
}
