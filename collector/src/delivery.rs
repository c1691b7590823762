//! One thing a receiver got and must answer for.

use bytes::Bytes;

use crate::{ack::Ack, budget::Permit, signal::Signal};

/// An OTLP `Export…ServiceRequest` as it came off the wire, content encoding removed.
#[derive(Debug)]
pub struct Delivery {
    pub signal: Signal,
    /// The protobuf message.
    pub body: Bytes,
    pub transport: Transport,
    pub ack: Ack,
    /// Its turn among the bodies that wait to be opened. Dropped as soon as that is done, and another is read.
    pub turn: Option<Permit>,
}

/// How it came, as OpenTelemetry's own metrics label it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    Grpc,
    Http,
    /// Made here, of what a file holds.
    File,
}

impl Transport {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::File => "file",
        }
    }
}
