//! JSON Web Tokens of an OpenID Connect issuer.
//!
//! Comes in: a token. Goes out: whether the issuer signed it, for this audience and this time. Must not take a token
//! for wrong while the issuer's keys are not known.

use std::time::Duration;

use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use super::{
    Denied, GuardError, Unknown,
    keys::{Key, Keyring},
    signature,
};

/// How far clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);

/// No token is so long: the header must fit into the buffer of a connection beside others.
const LONGEST: usize = 16 << 10;

/// How long senders wait while the issuer cannot be asked.
const AFTER: Duration = Duration::from_secs(5);

/// What is taken as a signature: with a public key. A shared secret is none that a collector could know.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// An issuer and what it signs for; clones share its keys.
#[derive(Clone, Debug)]
pub(super) struct Oidc {
    keyring: Keyring,
    issuer: String,
    audience: String,
}

/// Everything that is looked at is looked at by the library.
#[derive(Deserialize)]
struct Claims {}

impl Oidc {
    pub(super) fn new(config: &crds::config::Oidc) -> Result<Self, GuardError> {
        signature::install();
        let keyring = Keyring::new(&config.issuer, config.ca_file.as_deref())?;
        Ok(Self { keyring, issuer: config.issuer.clone(), audience: config.audience.clone() })
    }

    pub(super) async fn check(&self, token: &[u8]) -> Result<(), Denied> {
        let header = (token.len() <= LONGEST).then(|| decode_header(token).ok()).flatten();
        let header = header.filter(|header| ALGORITHMS.contains(&header.alg)).ok_or(Denied::Unauthenticated)?;
        let keys = self
            .keyring
            .with(header.kid.as_deref())
            .await
            .ok_or(Denied::Undecided { after: AFTER, what: Unknown::Keys })?;
        let fitting = keys.iter().filter(|key| key.fits(header.kid.as_deref(), header.alg));
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let is_signed = |key: &Key| decode::<Claims>(token, &key.key, &validation).is_ok();
        fitting.into_iter().any(is_signed).then_some(()).ok_or(Denied::Unauthenticated)
    }
}
