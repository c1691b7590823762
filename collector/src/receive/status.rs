//! Messages of the answers, shared by both transports: OTLP's responses and google.rpc.Status.
//!
//! Comes in: what a sender is told. Goes out: the message, in the format of the request. Must not decide what to tell.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use serde_json::json;

use super::body::Format;
use crate::signal::Signal;

/// gRPC's codes, as far as OTLP answers with them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(i32)]
pub(super) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Any `Export…ServiceResponse`: all signals have the same shape.
#[derive(Clone, PartialEq, prost::Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// Every reason for which a single record is refused; which of them it was is not carried here.
const REJECTED: &str = "these records are rejected for good: each of them is no valid OTLP record, or lies on a day beyond \
                        the first 100 of its request (with a spool 1100), or after 2106-02-06, or is refused by \
                        ClickHouse, alone or with others of its request";
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// The answer to a request that was taken. Without rejected records it is empty, as OTLP demands.
pub(super) fn export_response(format: Format, signal: Signal, rejected: u64) -> Bytes {
    let rejected = i64::try_from(rejected).unwrap_or(i64::MAX);
    match format {
        Format::Protobuf => {
            let partial_success =
                (rejected > 0).then(|| PartialSuccess { rejected, error_message: REJECTED.to_owned() });
            ExportResponse { partial_success }.encode_to_vec().into()
        }
        Format::Json if rejected == 0 => Bytes::from_static(b"{}"),
        // The number has one place in the wire format, and a name for each signal here.
        Format::Json => {
            let name = match signal {
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
                Signal::Traces => "rejectedSpans",
            };
            json!({ "partialSuccess": { name: rejected.to_string(), "errorMessage": REJECTED } }).to_string().into()
        }
    }
}

/// The details of an error, with the time after which to send again where there is one.
pub(super) fn status(format: Format, code: Code, message: &str, retry_after: Option<Duration>) -> Vec<u8> {
    if format == Format::Json {
        let info = |after: Duration| json!({ "@type": RETRY_INFO, "retryDelay": format!("{}s", after.as_secs_f64()) });
        let details: Vec<_> = retry_after.map(info).into_iter().collect();
        return json!({ "code": code as i32, "message": message, "details": details }).to_string().into_bytes();
    }
    let details = retry_after.map(|after| {
        let delay = prost_types::Duration {
            seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(after.subsec_nanos()).unwrap_or(0),
        };
        let value = RetryInfo { retry_delay: Some(delay) }.encode_to_vec();
        prost_types::Any { type_url: RETRY_INFO.to_owned(), value }
    });
    Status { code: code as i32, message: message.to_owned(), details: details.into_iter().collect() }.encode_to_vec()
}

#[cfg(test)]
mod tests;
