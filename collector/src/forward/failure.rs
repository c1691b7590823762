//! Why a try did not bring a delivery to a gateway.
//!
//! Comes in: what the client says. Goes out: what the sender is told, and what a person would have to look at. Must not
//! name an address: what is told is compared with what was told before, and gateways take turns.

use std::{error::Error, time::Duration};

use crds::destination::Kind;
use tonic::{Code, Status};

use super::{codec, token::TokenError};
use crate::{
    ack::Outcome,
    client_tls::TlsError,
    id::{KEEPER_HEADER, Keeper},
    trouble::chain,
};

/// As much of a gateway's own words as is told.
const LONGEST_WORDS: usize = 200;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no address is known for its name")]
    NoAddress,
    /// Nobody is known yet who could be sent to; or the one that may have a delivery is away.
    #[error("nobody is there who may take it")]
    Nobody,
    #[error("{}", chain(.0))]
    Token(#[from] TokenError),
    #[error("no connection: {}", chain(.0))]
    Connect(#[source] tonic::transport::Error),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// A word of the gateway, or of whoever is on the way; where nobody has said anything it has a source.
    #[error("{}", told(.0))]
    Status(Box<Status>),
}

impl Failure {
    /// What the gateway itself says for good is for good. Every other word may be that of a proxy, of a mesh, or of
    /// another pod that has got the address, and is tried again.
    pub(super) fn outcome(&self) -> Outcome {
        let Self::Status(status) = self else { return Outcome::Retry { after: Duration::ZERO } };
        let delay = codec::retry_delay(status.details());
        match status.code() {
            Code::InvalidArgument => Outcome::Reject(status.message().to_owned().into()),
            // The gateway's own refusal carries details; without them it is HTTP/2's "calm down".
            Code::ResourceExhausted if delay.is_none() && !status.details().is_empty() => Outcome::TooLarge,
            _ => Outcome::Retry { after: delay.unwrap_or_default() },
        }
    }

    /// Who has answered, where that is one who knows what it has.
    pub(super) fn keeper(&self) -> Option<Keeper> {
        let Self::Status(status) = self else { return None };
        Keeper::of(status.metadata().get(KEEPER_HEADER)?.to_str().ok()?)
    }

    /// A gateway that the delivery is not for has it not, and is there.
    pub(super) fn is_elsewhere(&self) -> bool {
        let is_refused = matches!(self, Self::Status(status) if status.code() == Code::FailedPrecondition);
        is_refused && self.keeper().is_some()
    }

    /// Whether it is certain that the gateway does not have the delivery: it says so itself, or was never asked. What
    /// somebody in between says is not.
    pub(super) fn is_certain(&self) -> bool {
        match self {
            Self::NoAddress | Self::Nobody | Self::Token(_) | Self::Connect(_) => true,
            Self::Timeout(_) => false,
            Self::Status(_) => self.keeper().is_some() || causes(self).any(<dyn Error>::is::<tonic::ConnectError>),
        }
    }

    /// A gateway that asks for patience is there; one that gives no such word may not be.
    pub(super) fn is_patience(&self) -> bool {
        matches!(self, Self::Status(status) if codec::retry_delay(status.details()).is_some())
    }

    /// What a person would have to look at.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Token(_) => Kind::Credentials,
            Self::Status(status) if status.source().is_none() => match status.code() {
                Code::Unauthenticated => Kind::AuthFailed,
                Code::PermissionDenied => Kind::AccessDenied,
                _ if self.is_patience() => Kind::InsertsFail,
                _ => Kind::Unreachable,
            },
            Self::Status(_) | Self::Connect(_) if has_tls_error(self) => Kind::Credentials,
            Self::NoAddress | Self::Nobody | Self::Connect(_) | Self::Timeout(_) | Self::Status(_) => Kind::Unreachable,
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// Files with certificates that cannot be used: found before anything is sent.
fn has_tls_error(failure: &Failure) -> bool {
    causes(failure).any(<dyn Error>::is::<TlsError>)
}

fn causes(failure: &Failure) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: Option<&(dyn Error + 'static)> = match failure {
        Failure::Status(status) => status.source(),
        Failure::Connect(error) => Some(error),
        _ => None,
    };
    std::iter::successors(first, |error| (*error).source())
}

/// The gateway's code and words, or why there are none.
fn told(status: &Status) -> String {
    match status.source() {
        Some(error) => format!("no answer: {}", chain(error)),
        None => {
            let words: String = status.message().chars().take(LONGEST_WORDS).collect();
            format!("it answers {:?}: {words}", status.code())
        }
    }
}

#[cfg(test)]
mod tests;
