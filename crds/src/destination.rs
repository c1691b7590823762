//! What a gateway tells of its way to ClickHouse, at `/destination` of its health address.
//!
//! Written by the collector, read by the operator. No address, no user's name and no value is in it: it may be shown.

use serde::{Deserialize, Serialize};

/// The path it is told at.
pub const PATH: &str = "/destination";

/// The way to ClickHouse as one gateway sees it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// The tables this gateway writes to.
    pub schema: Schema,
    /// What is wrong now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// What is known of the tables.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Schema {
    /// ClickHouse has not been reached since the gateway began, or the tables could not be made.
    #[default]
    Pending,
    /// The tables were found or made.
    Current,
}

/// Something between a gateway and ClickHouse that a person should know of.
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
    /// ClickHouse does not know the user, or the password is wrong.
    AuthFailed,
    /// The user lacks a right.
    AccessDenied,
    /// The tables cannot be made or found.
    Schema,
    /// ClickHouse answers, and does not take blocks.
    InsertsFail,
    /// A kind of a later version.
    #[serde(other)]
    Other,
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
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unreachable => "ClickHouseUnreachable",
            Self::Credentials => "CredentialsUnusable",
            Self::AuthFailed => "ClickHouseAuthFailed",
            Self::AccessDenied => "ClickHouseAccessDenied",
            Self::Schema => "SchemaNotReady",
            Self::InsertsFail => "InsertsFail",
            Self::Other => "ClickHouseTrouble",
        }
    }

    /// Whether nothing at all comes through to ClickHouse.
    pub const fn is_of_the_way(self) -> bool {
        !matches!(self, Self::AccessDenied | Self::Schema | Self::InsertsFail)
    }
}
