//! OTLP/HTTP, <https://opentelemetry.io/docs/specs/otlp/#otlphttp>: protobuf and JSON bodies.
//!
//! Comes in: a request. Goes out: its answer, in the format of the request, which a browser may read. Must not read a
//! body before its sender is known.

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, RETRY_AFTER, WWW_AUTHENTICATE},
    request::Parts,
};
use hyper::body::Incoming;

use super::{
    Answer, Intake,
    auth::{Denied, Guard},
    body::{Format, Packing, discard},
    cors::Cors,
    full,
    inflate::Encoding,
    status::{Code, export_response, status},
};
use crate::{ack::Outcome, delivery::Transport, signal::Signal};

/// What stands behind the socket.
#[derive(Clone, Debug)]
pub struct Http {
    pub intake: Intake,
    pub guard: Guard,
    pub cors: Cors,
}

impl Http {
    /// Answers one request.
    pub async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        // Before anything else: a browser asks without credentials, and shows its page no answer without permission.
        if let Some(answer) = self.cors.preflight(&parts) {
            return answer;
        }
        let mut answer = self.answer(&parts, body).await;
        self.cors.permit(&parts.headers, &mut answer);
        answer
    }

    async fn answer(&self, parts: &Parts, body: Incoming) -> Response<Answer> {
        let to = Addressee { format: format(&parts.headers).unwrap_or(Format::Protobuf) };
        let request = match self.admitted(parts, to).await {
            Ok(request) => request,
            Err(answer) => {
                // Who waits for a word before sending its body has not sent it.
                if !parts.headers.contains_key(EXPECT) {
                    discard(body).await;
                }
                return answer;
            }
        };
        let signal = request.signal;
        to.outcome(signal, self.receive(request, body).await)
    }

    /// What the head of a request says about its body, or the answer that the head deserves.
    async fn admitted(&self, parts: &Parts, to: Addressee) -> Result<Packing, Response<Answer>> {
        let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.http_path() == parts.uri.path()) else {
            return Err(to.refuse(StatusCode::NOT_FOUND, "no such path; send to /v1/logs, /v1/metrics or /v1/traces"));
        };
        if parts.method != Method::POST {
            let answer = to.refuse(StatusCode::METHOD_NOT_ALLOWED, "use POST");
            return Err(with(answer, ALLOW, "POST"));
        }
        self.guard.check(&parts.headers).await.map_err(|denied| {
            self.intake.metrics.turned_away(Transport::Http, denied.as_str());
            to.denied(denied)
        })?;
        let Some(format) = format(&parts.headers) else {
            let message = "use content type application/x-protobuf or application/json";
            return Err(to.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        };
        let Some(encoding) = encoding(&parts.headers) else {
            let message = format!("use one content encoding of {}", Encoding::ACCEPTED);
            let answer = to.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message);
            return Err(with(answer, ACCEPT_ENCODING, Encoding::ACCEPTED));
        };
        Ok(Packing { signal, transport: Transport::Http, encoding, format })
    }

    async fn receive(&self, packing: Packing, body: Incoming) -> Outcome {
        let unpacked = async {
            let message = self.intake.read(packing.transport, packing.encoding, body).await?;
            self.intake.unpack(message, packing).await
        };
        match unpacked.await {
            Ok(message) => self.intake.deliver(packing.signal, packing.transport, message, None).await,
            Err(outcome) => {
                self.intake.metrics.refused(packing.signal, packing.transport, 0);
                outcome
            }
        }
    }
}

/// Who reads the answer.
#[derive(Clone, Copy, Debug)]
struct Addressee {
    format: Format,
}

impl Addressee {
    /// The outcome table's column for OTLP/HTTP.
    fn outcome(self, signal: Signal, outcome: Outcome) -> Response<Answer> {
        match outcome {
            Outcome::Delivered { rejected } => {
                self.respond(StatusCode::OK, export_response(self.format, signal, rejected))
            }
            Outcome::Retry { after } => self.retry("not stored yet, send again", after),
            Outcome::Reject(reason) => self.refuse(StatusCode::BAD_REQUEST, &reason),
            Outcome::TooLarge => {
                self.refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request is larger than limits.requestBytes")
            }
        }
    }

    fn denied(self, denied: Denied) -> Response<Answer> {
        match denied {
            Denied::Unauthenticated => {
                let body = status(self.format, Code::Unauthenticated, denied.message(), None);
                with(self.respond(StatusCode::UNAUTHORIZED, body), WWW_AUTHENTICATE, "Bearer")
            }
            Denied::Undecided { after, .. } => self.retry(denied.message(), after),
        }
    }

    fn retry(self, message: &str, after: Duration) -> Response<Answer> {
        let body = status(self.format, Code::Unavailable, message, Some(after));
        let mut answer = self.respond(StatusCode::SERVICE_UNAVAILABLE, body);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        answer
    }

    fn refuse(self, code: StatusCode, message: &str) -> Response<Answer> {
        self.respond(code, status(self.format, Code::InvalidArgument, message, None))
    }

    fn respond(self, code: StatusCode, body: impl Into<bytes::Bytes>) -> Response<Answer> {
        let mut answer = Response::new(full(body));
        *answer.status_mut() = code;
        let content_type = match self.format {
            Format::Protobuf => "application/x-protobuf",
            Format::Json => "application/json",
        };
        with(answer, CONTENT_TYPE, content_type)
    }
}

fn with(mut answer: Response<Answer>, name: HeaderName, value: &'static str) -> Response<Answer> {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}

/// `Retry-After` knows only whole seconds; sooner than promised would be worse than later.
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

/// The content type without its parameters.
fn format(headers: &HeaderMap) -> Option<Format> {
    let media_type = text(headers, CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    [("application/x-protobuf", Format::Protobuf), ("application/json", Format::Json)]
        .into_iter()
        .find_map(|(name, format)| media_type.eq_ignore_ascii_case(name).then_some(format))
}

/// One encoding at most: what is packed twice comes from nobody.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let is_one = headers.get_all(CONTENT_ENCODING).iter().count() <= 1;
    is_one.then(|| Encoding::named(text(headers, CONTENT_ENCODING).trim())).flatten()
}

/// A header; what is no text is no known value either.
fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).map_or("", |value| value.to_str().unwrap_or("?"))
}
