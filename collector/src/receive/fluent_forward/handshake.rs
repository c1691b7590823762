//! The handshake of senders that share a key with us: HELO, PING, PONG.
//!
//! Comes in: random numbers, a key, and what a sender says. Goes out: what it is told, and whether it knows the key. Must
//! not take longer for one wrong digest than for another, nor print a key.

use std::fmt::Write;

use ring::digest::{Context, SHA512};
use rmp::encode;
use subtle::ConstantTimeEq;

use super::{
    message::NoMessage,
    msgpack::{Item, Reader},
};

/// What makes each handshake another.
pub(super) type Nonce = [u8; 16];

/// What a sender answers to HELO. It shows no key, but that it knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ping<'a> {
    hostname: &'a [u8],
    salt: &'a [u8],
    digest: &'a [u8],
}

/// Users and passwords are not asked for.
pub(super) fn helo(nonce: &Nonce) -> Vec<u8> {
    let mut out = Vec::new();
    array(&mut out, 2);
    text(&mut out, "HELO");
    // Writing to a vector cannot fail, here and below.
    let _ = encode::write_map_len(&mut out, 3);
    text(&mut out, "nonce");
    let _ = encode::write_bin(&mut out, nonce);
    text(&mut out, "auth");
    text(&mut out, "");
    text(&mut out, "keepalive");
    let _ = encode::write_bool(&mut out, true);
    out
}

impl<'a> Ping<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, NoMessage> {
        let mut reader = Reader(bytes);
        if reader.item()? != Item::Array(6) || reader.item()?.text() != Some(b"PING") {
            return Err(NoMessage);
        }
        let mut text = || reader.item()?.text().ok_or(NoMessage);
        Ok(Self { hostname: text()?, salt: text()?, digest: text()? })
    }

    pub(super) fn knows(&self, nonce: &Nonce, key: &[u8]) -> bool {
        let own = digest(self.salt, self.hostname, nonce, key);
        own.as_bytes().ct_eq(self.digest).into()
    }

    /// Shows that we know the key, too. Senders do not talk to those of their own name.
    pub(super) fn welcome(&self, nonce: &Nonce, key: &[u8], hostname: &str) -> Vec<u8> {
        pong(true, "", hostname, &digest(self.salt, hostname.as_bytes(), nonce, key))
    }
}

pub(super) fn refusal() -> Vec<u8> {
    pong(false, "shared_key mismatch", "", "")
}

fn pong(is_welcome: bool, reason: &str, hostname: &str, digest: &str) -> Vec<u8> {
    let mut out = Vec::new();
    array(&mut out, 5);
    text(&mut out, "PONG");
    let _ = encode::write_bool(&mut out, is_welcome);
    for part in [reason, hostname, digest] {
        text(&mut out, part);
    }
    out
}

fn digest(salt: &[u8], hostname: &[u8], nonce: &Nonce, key: &[u8]) -> String {
    let mut context = Context::new(&SHA512);
    for part in [salt, hostname, nonce, key] {
        context.update(part);
    }
    context.finish().as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn array(out: &mut Vec<u8>, length: u32) {
    let _ = encode::write_array_len(out, length);
}

fn text(out: &mut Vec<u8>, text: &str) {
    let _ = encode::write_str(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = [7; 16];

    fn ping(key: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        array(&mut out, 6);
        for part in ["PING", "client", "salt", &digest(b"salt", b"client", &NONCE, key), "", ""] {
            text(&mut out, part);
        }
        out
    }

    #[test]
    fn who_knows_the_key_is_let_in_and_nobody_else() {
        let bytes = ping(b"secret");
        let told = Ping::of(&bytes).unwrap();
        assert!(told.knows(&NONCE, b"secret"));
        assert!(!told.knows(&NONCE, b"other") && !told.knows(&[8; 16], b"secret"));
        assert!(Ping::of(&bytes[..bytes.len() / 2]).is_err() && Ping::of(&helo(&NONCE)).is_err());
    }

    #[test]
    fn a_digest_is_that_of_the_specification() {
        // By sha512sum, of salt, name, nonce and key one behind the other.
        let known = "96e14558fe37ceacca5d945074665c3078f7c0af726f766312fcee929b376491\
                     77b25e86c7b2edebb3572908235c893ed3756c5d67626a843ce4c5672792998a";
        assert_eq!(digest(b"salt", b"client", &NONCE, b"secret"), known);
    }
}
