//! Who may send.
//!
//! Comes in: the headers of a request. Goes out: nothing, or why it is not taken. Must not read a body, and must not
//! print or keep a token: what is compared are digests.

use std::time::Duration;

use http::{HeaderMap, header::AUTHORIZATION};

use super::files::FilesError;

use oidc::Oidc;
use opamp::Advice;
use tokens::Tokens;

mod keys;
mod oidc;
pub mod opamp;
mod signature;
mod tokens;

/// A request that is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Denied {
    /// No credentials, or wrong ones.
    Unauthenticated,
    /// Not known now. Nobody is told "wrong" for that.
    Undecided { after: Duration, what: Unknown },
}

/// What would have to be known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unknown {
    /// An issuer's keys.
    Keys,
    /// The first word of an OpAMP server.
    Advice,
    /// A team whose keys could be shown, by word of that server.
    Team,
}

/// Clones share what they know.
#[derive(Clone, Debug)]
pub struct Guard(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Open,
    Tokens(Tokens),
    Oidc(Oidc),
    Advised(Advice),
}

/// Why no guard can be set up.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    #[error("receivers.otlp.auth.tokenFiles")]
    Tokens(#[source] FilesError),
    #[error("receivers.otlp.auth.oidc.caFile")]
    Authority(#[source] FilesError),
    #[error("receivers.otlp.auth.oidc.caFile: {0}")]
    AuthorityContent(String),
}

impl Guard {
    /// Reads what is needed, but for [`Guard::advised`]. An issuer that is away is asked again until it answers. `token`
    /// is one from outside of the configuration; it counts where that asks for nothing.
    ///
    /// # Errors
    /// A file cannot be read or is of no use.
    pub fn new(config: &crds::config::Auth, token: Option<&str>) -> Result<Self, GuardError> {
        let kind = match &config.oidc {
            Some(oidc) => Kind::Oidc(Oidc::new(oidc)?),
            None if config.token_files.is_empty() => token.map_or(Kind::Open, |token| Kind::Tokens(Tokens::one(token))),
            None => Kind::Tokens(Tokens::new(&config.token_files).map_err(GuardError::Tokens)?),
        };
        Ok(Self(kind))
    }

    /// One that goes by what a server says.
    pub const fn advised(advice: Advice) -> Self {
        Self(Kind::Advised(advice))
    }

    pub(super) async fn check(&self, headers: &HeaderMap) -> Result<(), Denied> {
        match &self.0 {
            Kind::Open => Ok(()),
            Kind::Tokens(tokens) if tokens.knows(credential(headers)?) => Ok(()),
            Kind::Tokens(_) => Err(Denied::Unauthenticated),
            Kind::Oidc(oidc) => oidc.check(credential(headers)?).await,
            Kind::Advised(advice) => advice.check(headers),
        }
    }
}

impl Denied {
    /// What it is counted as.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Undecided { what: Unknown::Keys, .. } => "issuer_away",
            Self::Undecided { what: Unknown::Advice, .. } => "opamp_server_away",
            Self::Undecided { what: Unknown::Team, .. } => "no_team",
        }
    }

    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Unauthenticated => "send a valid token in the header Authorization",
            Self::Undecided { what: Unknown::Keys, .. } => "the token issuer's keys are not known now, send again",
            Self::Undecided { what: Unknown::Advice, .. } => "who may send is not known yet, send again",
            Self::Undecided { what: Unknown::Team, .. } => "nobody may send before a team is made, send again",
        }
    }
}

/// The token: the header as it is, or what follows `Bearer`.
fn credential(headers: &HeaderMap) -> Result<&[u8], Denied> {
    const SCHEME: &[u8] = b"bearer ";
    let value = headers.get(AUTHORIZATION).ok_or(Denied::Unauthenticated)?.as_bytes().trim_ascii();
    let token = match value.split_at_checked(SCHEME.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => token.trim_ascii(),
        _ => value,
    };
    if token.is_empty() { Err(Denied::Unauthenticated) } else { Ok(token) }
}

#[cfg(test)]
mod tests;
