//! OTLP/HTTP, <https://opentelemetry.io/docs/specs/otlp/#otlphttp>: protobuf bodies.

use std::time::Duration;

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use hyper::body::Incoming;

use super::{
    Answer, Intake, full,
    inflate::Encoding,
    status::{Code, export_response, status},
};
use crate::{ack::Outcome, delivery::Transport, signal::Signal};

const PROTOBUF: &str = "application/x-protobuf";

/// Answers one request.
pub async fn serve(request: Request<Incoming>, intake: Intake) -> Response<Answer> {
    let (parts, body) = request.into_parts();
    let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.http_path() == parts.uri.path()) else {
        return refuse(StatusCode::NOT_FOUND, "no such path; send to /v1/logs");
    };
    if parts.method != Method::POST {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "use POST");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    if media_type(&parts.headers) != PROTOBUF {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "use content type application/x-protobuf");
    }
    let Some(encoding) = Encoding::named(header(&parts.headers, CONTENT_ENCODING)) else {
        let mut response = refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "use content encoding gzip, or none");
        response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static(Encoding::ACCEPTED));
        return response;
    };
    answer(receive(signal, encoding, body, &intake).await)
}

async fn receive(signal: Signal, encoding: Encoding, body: Incoming, intake: &Intake) -> Outcome {
    let (body, mut permit) = match intake.read(body).await {
        Ok(read) => read,
        Err(refusal) => return refusal.into(),
    };
    match intake.inflate(body, encoding, &mut permit) {
        Ok(body) => intake.deliver(signal, Transport::Http, body, permit).await,
        Err(outcome) => outcome,
    }
}

/// The outcome table's column for OTLP/HTTP.
fn answer(outcome: Outcome) -> Response<Answer> {
    match outcome {
        Outcome::Delivered { rejected } => respond(StatusCode::OK, export_response(rejected)),
        Outcome::Retry { after } => {
            let body = status(Code::Unavailable, "not stored yet, send again", Some(after));
            let mut response = respond(StatusCode::SERVICE_UNAVAILABLE, body);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
            response
        }
        Outcome::Reject(reason) => refuse(StatusCode::BAD_REQUEST, &reason),
        Outcome::TooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request is larger than limits.requestBytes"),
    }
}

fn refuse(code: StatusCode, message: &str) -> Response<Answer> {
    respond(code, status(Code::InvalidArgument, message, None))
}

fn respond(code: StatusCode, body: impl Into<bytes::Bytes>) -> Response<Answer> {
    let mut response = Response::new(full(body));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    response
}

/// `Retry-After` knows only whole seconds; sooner than promised would be worse than later.
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

/// The content type without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    header(headers, CONTENT_TYPE).split(';').next().unwrap_or_default().trim()
}

fn header(headers: &HeaderMap, name: http::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
