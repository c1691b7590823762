//! Telemetry from browsers: <https://fetch.spec.whatwg.org/#http-cors-protocol>.
//!
//! Comes in: the head of a request. Goes out: the answer to a preflight, and the headers without which a browser shows
//! its page no answer at all. Must not decide whether a request is taken: CORS guards browsers, not collectors.

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
    request::Parts,
};

use super::{Answer, full};

/// Whose pages may send.
#[derive(Clone, Debug)]
pub struct Cors {
    allowed_origins: std::sync::Arc<[String]>,
    max_age: HeaderValue,
}

impl Cors {
    pub fn new(config: &crds::config::Cors) -> Self {
        Self {
            allowed_origins: config.allowed_origins.clone().into(),
            max_age: HeaderValue::from(config.max_age.0.as_secs()),
        }
    }

    /// The answer to the question a browser asks before it sends, if this is one.
    pub(super) fn preflight(&self, request: &Parts) -> Option<Response<Answer>> {
        let is_one = request.method == Method::OPTIONS
            && request.headers.contains_key(ORIGIN)
            && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_one {
            return None;
        }
        let mut answer = Response::new(full(bytes::Bytes::new()));
        *answer.status_mut() = StatusCode::NO_CONTENT;
        if self.allow(&request.headers, answer.headers_mut()) {
            let headers = answer.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
            // What is asked for, by name: `*` would not stand for `Authorization`.
            if let Some(wanted) = request.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        answer.headers_mut().insert(VARY, HeaderValue::from_static(vary));
        Some(answer)
    }

    /// Lets the page that asked read the answer.
    pub(super) fn permit(&self, request: &HeaderMap, answer: &mut Response<Answer>) {
        if !request.contains_key(ORIGIN) {
            return;
        }
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if self.allow(request, headers) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
        }
    }

    /// The origin by its name and never `*`: `navigator.sendBeacon`, which SDKs use, sends with credentials, and
    /// browsers refuse `*` then. No answer of a receiver holds anything that is worth a credential.
    fn allow(&self, request: &HeaderMap, answer: &mut HeaderMap) -> bool {
        let Some(origin) = request.get(ORIGIN) else { return false };
        if !self.allowed_origins.iter().any(|pattern| matches(pattern, origin.as_bytes())) {
            return false;
        }
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        true
    }
}

/// An origin, in any case, with at most one `*` for any text.
fn matches(pattern: &str, origin: &[u8]) -> bool {
    let pattern = pattern.as_bytes();
    match pattern.iter().position(|byte| *byte == b'*') {
        None => pattern.eq_ignore_ascii_case(origin),
        Some(star) => {
            let (start, end) = (&pattern[..star], &pattern[star + 1..]);
            origin.len() >= start.len() + end.len()
                && origin[..start.len()].eq_ignore_ascii_case(start)
                && origin[origin.len() - end.len()..].eq_ignore_ascii_case(end)
        }
    }
}

#[cfg(test)]
mod tests;
