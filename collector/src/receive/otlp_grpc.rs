//! OTLP/gRPC, <https://opentelemetry.io/docs/specs/otlp/#otlpgrpc>, on HTTP/2 itself.
//!
//! gRPC's framing for one message each way is five bytes and a few trailers
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). Having it here keeps the message in one
//! buffer, admits it to the budget while it is read, and gives the answers OTLP asks for: a server library in
//! between answers an oversized message with a code that OTLP's senders repeat for ever.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::sync::mpsc;

use super::{
    Answer, Intake, LONGEST_WAIT, Refused,
    auth::{Denied, Guard},
    body::{Format, Message, Packing},
    full,
    inflate::Encoding,
    status::{Code, export_response, status},
};
use crate::{
    ack::{Ack, Outcome},
    delivery::Transport,
    handover::{self, Handover},
    id::{self, Id, KEEPER_HEADER, Keeper},
    signal::Signal,
};

/// The largest block of a sibling: `blocks.maxBytes` is 64 MiB where nothing is said, and blocks are compressed.
const LARGEST_BLOCK: usize = 64 << 20;

/// A flag and the length of the message.
const PREFIX: usize = 5;

/// What `grpc-message` may not hold as it is.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%').add(0x7f);

/// What stands behind the socket.
#[derive(Clone, Debug)]
pub struct Grpc {
    pub intake: Intake,
    pub guard: Guard,
    /// Where blocks of siblings go. None: this gateway takes none.
    pub handovers: Option<mpsc::Sender<Handover>>,
    /// Who this is, where it knows a delivery again.
    pub keeper: Option<Keeper>,
}

/// What is called.
#[derive(Clone, Copy)]
enum Method {
    Export(Signal),
    TakeBlock,
}

impl Grpc {
    /// Answers one request, and says who does.
    pub async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Response<Answer> {
        let keeper = self.keeper.and_then(|keeper| HeaderValue::from_str(&keeper.text()).ok());
        let begun = Instant::now();
        let mut answer = self.answer(request).await;
        // After the longest wait "retry" does not mean that it is not here: that word is nobody's.
        if let Some(keeper) = keeper.filter(|_| begun.elapsed() < LONGEST_WAIT) {
            answer.headers_mut().insert(KEEPER_HEADER, keeper);
        }
        answer
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        if !is_grpc(&parts.headers) {
            let mut response = Response::new(full(Bytes::new()));
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        let Some(method) = self.method(parts.uri.path()) else {
            return fail(Code::Unimplemented, "this collector has no such method", None);
        };
        if let Err(denied) = self.guard.check(&parts.headers).await {
            self.intake.metrics.turned_away(Transport::Grpc, denied.as_str());
            return match denied {
                Denied::Unauthenticated => fail(Code::Unauthenticated, denied.message(), None),
                Denied::Undecided { after, .. } => fail(Code::Unavailable, denied.message(), Some(after)),
            };
        }
        if self.is_for_another(&parts.headers) {
            return fail(Code::FailedPrecondition, "this is another collector than the one it is for", None);
        }
        let encoding = parts.headers.get("grpc-encoding").map_or("", |value| value.to_str().unwrap_or("?"));
        let Some(encoding) = Encoding::named(encoding) else {
            let message = format!("use a grpc-encoding of {}", Encoding::ACCEPTED);
            let mut response = fail(Code::Unimplemented, &message, None);
            response.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static(Encoding::ACCEPTED));
            return response;
        };
        match method {
            Method::Export(signal) => {
                let id = parts.headers.get(id::HEADER).and_then(|value| Id::of(value.to_str().ok()?));
                let outcome = match self.message(body, signal, encoding).await {
                    Ok(message) => self.intake.deliver(signal, Transport::Grpc, message, id).await,
                    Err(outcome) => {
                        self.intake.metrics.refused(signal, Transport::Grpc, 0);
                        outcome
                    }
                };
                answer(signal, outcome)
            }
            // No message is as good an answer as the empty one of any signal.
            Method::TakeBlock => answer(Signal::Logs, self.take_block(body, encoding).await),
        }
    }

    /// A sender that does not know whether another has it asks that one again, whoever has its address now.
    fn is_for_another(&self, headers: &HeaderMap) -> bool {
        let meant = headers.get(KEEPER_HEADER).and_then(|value| Keeper::of(value.to_str().ok()?));
        self.keeper.is_some_and(|own| meant.is_some_and(|meant| meant != own))
    }

    fn method(&self, path: &str) -> Option<Method> {
        let signal = Signal::ALL.into_iter().find(|signal| signal.grpc_path() == path);
        let takes = self.handovers.is_some() && path == handover::PATH;
        signal.map(Method::Export).or(takes.then_some(Method::TakeBlock))
    }

    async fn take_block(&self, body: Incoming, encoding: Encoding) -> Outcome {
        // A block is as large as blocks are here, whatever a request may be.
        let intake = Intake { request_limit: self.intake.request_limit.max(LARGEST_BLOCK), ..self.intake.clone() };
        let Message { body, permit, turn } = match (Self { intake, ..self.clone() }).frame(body, encoding).await {
            Ok((message, Encoding::Identity)) => message,
            Ok(_) => return self.malformed("a block is compressed as it is; send it without grpc-encoding"),
            Err(outcome) => return outcome,
        };
        // It is not opened here.
        drop(turn);
        let (ack, answer) = Ack::new(permit);
        // A shelf that is gone has dropped the block, and dropping it answers "retry".
        if let Some(handovers) = &self.handovers {
            let _ = handovers.send(Handover { body, ack }).await;
        }
        tokio::time::timeout(LONGEST_WAIT, answer.outcome()).await.unwrap_or(Outcome::retry())
    }

    /// The one message of a unary call.
    async fn message(&self, body: Incoming, signal: Signal, encoding: Encoding) -> Result<Message, Outcome> {
        let (message, encoding) = self.frame(body, encoding).await?;
        let packing = Packing { signal, transport: Transport::Grpc, encoding, format: Format::Protobuf };
        self.intake.unpack(message, packing).await
    }

    /// The same as it came, and how it is compressed.
    async fn frame(&self, body: Incoming, encoding: Encoding) -> Result<(Message, Encoding), Outcome> {
        let mut message = self.intake.read(Transport::Grpc, encoding, body).await?;
        let frame = &mut message.body;
        if frame.len() < PREFIX {
            return Err(self.malformed("the request holds no message"));
        }
        let prefix = frame.split_to(PREFIX);
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        if usize::try_from(length).ok() != Some(frame.len()) {
            return Err(self.malformed("the request does not hold exactly one message"));
        }
        let encoding = if prefix[0] == 0 { Encoding::Identity } else { encoding };
        Ok((message, encoding))
    }

    fn malformed(&self, reason: &'static str) -> Outcome {
        self.intake.metrics.turned_away(Transport::Grpc, Refused::Malformed.as_str());
        Outcome::Reject(reason.into())
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/grpc") || media_type.eq_ignore_ascii_case("application/grpc+proto")
}

/// The outcome table's column for OTLP/gRPC.
fn answer(signal: Signal, outcome: Outcome) -> Response<Answer> {
    match outcome {
        Outcome::Delivered { rejected } => succeed(&export_response(Format::Protobuf, signal, rejected)),
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
    let details = BASE64_STANDARD_NO_PAD.encode(status(Format::Protobuf, code, message, retry_after));
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
