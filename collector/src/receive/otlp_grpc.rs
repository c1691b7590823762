//! OTLP/gRPC, <https://opentelemetry.io/docs/specs/otlp/#otlpgrpc>, on HTTP/2 itself.
//!
//! gRPC's framing for one message each way is five bytes and a few trailers
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). Having it here keeps the message in one
//! buffer, admits it to the budget while it is read, and gives the answers OTLP asks for: a server library in
//! between answers an oversized message with a code that OTLP's senders repeat for ever.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    Answer, Intake, full,
    inflate::Encoding,
    status::{Code, export_response, status},
};
use crate::{ack::Outcome, budget::Permit, delivery::Transport, signal::Signal};

/// A flag and the length of the message.
const PREFIX: usize = 5;

/// What `grpc-message` may not hold as it is.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%').add(0x7f);

/// Answers one request.
pub async fn serve(request: Request<Incoming>, intake: Intake) -> Response<Answer> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type != "application/grpc" && content_type != "application/grpc+proto" {
        let mut response = Response::new(full(Bytes::new()));
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.grpc_path() == parts.uri.path()) else {
        return fail(Code::Unimplemented, "this collector has no such method", None);
    };
    let encoding = parts.headers.get("grpc-encoding").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(encoding) = Encoding::named(encoding) else {
        let mut response = fail(Code::Unimplemented, "use grpc-encoding gzip, or none", None);
        response.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static(Encoding::ACCEPTED));
        return response;
    };
    match message(body, encoding, &intake).await {
        Ok((message, permit)) => answer(intake.deliver(signal, Transport::Grpc, message, permit).await),
        Err(outcome) => answer(outcome),
    }
}

/// The one message of a unary call.
async fn message(body: Incoming, encoding: Encoding, intake: &Intake) -> Result<(Bytes, Permit), Outcome> {
    let (mut frame, mut permit) = intake.read(body).await?;
    if frame.len() < PREFIX {
        return Err(Outcome::Reject("the request holds no message".into()));
    }
    let prefix = frame.split_to(PREFIX);
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    if usize::try_from(length).ok() != Some(frame.len()) {
        return Err(Outcome::Reject("the request does not hold exactly one message".into()));
    }
    let encoding = if prefix[0] == 0 { Encoding::Identity } else { encoding };
    let message = intake.inflate(frame, encoding, &mut permit)?;
    Ok((message, permit))
}

/// The outcome table's column for OTLP/gRPC.
fn answer(outcome: Outcome) -> Response<Answer> {
    match outcome {
        Outcome::Delivered { rejected } => succeed(&export_response(rejected)),
        Outcome::Retry { after } => fail(Code::Unavailable, "not stored yet, send again", Some(after)),
        Outcome::Reject(reason) => fail(Code::InvalidArgument, &reason, None),
        // Without RetryInfo: a sender must not send it again.
        Outcome::TooLarge => fail(Code::ResourceExhausted, "the request is larger than limits.requestBytes", None),
    }
}

fn succeed(message: &[u8]) -> Response<Answer> {
    let mut frame = BytesMut::with_capacity(PREFIX + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(Code::Ok as i32));
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers)))).boxed_unsync();
    headed(body)
}

/// An answer without a message: its status stands in the headers.
fn fail(code: Code, message: &str, retry_after: Option<Duration>) -> Response<Answer> {
    let mut response = headed(full(Bytes::new()));
    let headers = response.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(code as i32));
    let text = utf8_percent_encode(message, MESSAGE).to_string();
    headers.insert("grpc-message", HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")));
    let details = BASE64_STANDARD_NO_PAD.encode(status(code, message, retry_after));
    if let Ok(details) = HeaderValue::from_str(&details) {
        headers.insert("grpc-status-details-bin", details);
    }
    response
}

fn headed(body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
