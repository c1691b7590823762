//! Signatures of tokens, proved by the cryptography that TLS uses already.
//!
//! Comes in: a key, a message, a signature. Goes out: whether they belong together. Must not sign.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
};
use ring::signature::{self as proof, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: sign,
    verifier_factory: verify,
    // For keys made here, of which there are none.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Once for the process; a second time changes nothing.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

fn sign(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

fn verify(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if !key.family().algorithms().contains(algorithm) {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Verifier { algorithm: *algorithm, key: key.clone() }))
}

struct Verifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl ::signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), ::signature::Error> {
        let proved = match (self.key.kind(), rsa(self.algorithm), curve(self.algorithm)) {
            (DecodingKeyKind::RsaModulusExponent { n, e }, Some(parameters), _) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (DecodingKeyKind::SecretOrDer(point), _, Some(algorithm)) => {
                UnparsedPublicKey::new(algorithm, point).verify(message, signature)
            }
            _ => Err(ring::error::Unspecified),
        };
        proved.map_err(|_| ::signature::Error::new())
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::RS256 => Some(&proof::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&proof::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&proof::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&proof::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&proof::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&proof::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

fn curve(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Some(&proof::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&proof::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Some(&proof::ED25519),
        _ => None,
    }
}
