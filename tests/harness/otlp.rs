//! OTLP senders: comes in numbered rows and where to send them, goes out the receiver's answer in four
//! words. Must not retry: what follows an answer is the test's decision.

use std::time::Duration;

mod rows;
mod sender;

pub use rows::Rows;
pub use sender::{OtlpGrpc, OtlpHttp};

/// What a receiver answered to one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Taken for good; `rejected` rows of it were refused for good.
    Accepted { rejected: u64, message: String },
    /// To be sent again, not before `after`.
    Retry { after: Option<Duration>, reason: String },
    /// Refused for good.
    Permanent { code: String, reason: String },
    /// No answer came: the rows may or may not have been taken, unless there was no connection to send them on.
    Unanswered { was_sent: bool, reason: String },
}

impl Answer {
    pub fn is_accepted(&self) -> bool {
        matches!(self, Answer::Accepted { .. })
    }

    /// By the specification a sender may send again after these.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Answer::Retry { .. } | Answer::Unanswered { .. })
    }
}
