//! The body of a request: comes in a message, goes out what the transport and the encoding make of it.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cases::{Case, Encoding, Transport};

/// What the zstd command and the OpenTelemetry Collector's clients use where nothing is said.
const ZSTD_LEVEL: i32 = 3;

pub fn encoded(case: &Case, message: Vec<u8>) -> anyhow::Result<Bytes> {
    let message = match case.encoding {
        Encoding::Identity => message,
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 4), Compression::default());
            encoder.write_all(&message)?;
            encoder.finish()?
        }
        Encoding::Zstd => zstd::bulk::compress(&message, ZSTD_LEVEL)?,
    };
    Ok(match case.transport {
        Transport::Http => message.into(),
        Transport::Grpc => framed(case.encoding != Encoding::Identity, &message)?,
    })
}

/// gRPC's frame: a byte that says whether it is compressed, and the length.
fn framed(is_compressed: bool, message: &[u8]) -> anyhow::Result<Bytes> {
    let mut frame = Vec::with_capacity(message.len() + 5);
    frame.push(u8::from(is_compressed));
    frame.extend(u32::try_from(message.len())?.to_be_bytes());
    frame.extend(message);
    Ok(frame.into())
}
