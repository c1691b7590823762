//! Queries over HTTP: comes in SQL and who asks, goes out text or ClickHouse's own error code. Must
//! not retry.

use bytes::Bytes;

use super::config::User;
use crate::http::Http;

/// Why a query has no answer.
#[derive(Debug)]
pub enum QueryError {
    /// ClickHouse refused it.
    Refused { status: u16, code: u32, message: String },
    /// Nobody answered.
    Unreachable(anyhow::Error),
}

impl std::error::Error for QueryError {}

impl std::fmt::Display for QueryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            QueryError::Refused { code, message, .. } => write!(f, "ClickHouse refused with code {code}: {message}"),
            QueryError::Unreachable(reason) => write!(f, "ClickHouse did not answer: {reason:#}"),
        }
    }
}

pub(super) async fn text(http: &Http, url: &str, user: &str, password: &str, sql: &str) -> Result<String, QueryError> {
    let headers = [("x-clickhouse-user", user), ("x-clickhouse-key", password)];
    // Without it an error in the middle of an answer would look like a short answer.
    let url = format!("{url}/?wait_end_of_query=1");
    let body = Bytes::copy_from_slice(sql.as_bytes());
    let response = http.post(&url, &headers, body).await.map_err(QueryError::Unreachable)?;
    if response.status.is_success() {
        return Ok(response.text().trim_end_matches('\n').to_owned());
    }
    let code = response.header("x-clickhouse-exception-code").and_then(|code| code.parse().ok()).unwrap_or(0);
    Err(QueryError::Refused { status: response.status.as_u16(), code, message: response.text() })
}

pub(super) async fn ready(http: &Http, url: &str, user: &User) -> Result<(), String> {
    let ping = http.get(&format!("{url}/ping")).await.map_err(|error| format!("{error:#}"))?;
    if !ping.status.is_success() {
        return Err(format!("/ping: {}", ping.status));
    }
    match text(http, url, &user.name, &user.password, "SELECT 1").await {
        Ok(one) if one == "1" => Ok(()),
        Ok(other) => Err(format!("SELECT 1 gave {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}
