//! gRPC messages passed through as bytes, and the little that is read of the answers.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::record::wire::{Fields, Wire};

/// Neither encodes nor decodes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}

/// The rejected records an `Export…ServiceResponse` tells of: `partial_success` (1), `rejected_…` (1).
pub fn rejected(response: &[u8]) -> u64 {
    let mut fields = Fields::of(response);
    while let Ok(Some((number, value))) = fields.next_field() {
        if let (1, Wire::Bytes(partial_success)) = (number, value) {
            let mut fields = Fields::of(partial_success);
            while let Ok(Some((number, value))) = fields.next_field() {
                if let (1, Wire::Varint(rejected)) = (number, value) {
                    return rejected;
                }
            }
        }
    }
    0
}

/// No gateway asks for more; a proxy, or whoever else has got the address, may ask for years.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// After what time a google.rpc.Status asks to send again: `RetryInfo` (3, by its type), `retry_delay` (1). Longer times
/// than [`LONGEST_DELAY`] are not waited for.
pub fn retry_delay(status: &[u8]) -> Option<Duration> {
    let mut fields = Fields::of(status);
    while let Ok(Some((number, value))) = fields.next_field() {
        if let (3, Wire::Bytes(detail)) = (number, value)
            && let Ok(any) = prost_types::Any::decode(detail)
            && any.type_url.ends_with("google.rpc.RetryInfo")
            && let Ok(Some((1, Wire::Bytes(delay)))) = Fields::of(&any.value).next_field()
        {
            let delay: Duration = prost_types::Duration::decode(delay).ok()?.try_into().ok()?;
            return Some(delay.min(LONGEST_DELAY));
        }
    }
    None
}
