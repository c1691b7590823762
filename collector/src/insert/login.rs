//! Who this collector is to ClickHouse.
//!
//! Comes in: files, or texts from the environment. Goes out: two headers. Files are read at every request, so that
//! a rotated Secret takes effect by itself. Must not show a value anywhere but in those headers.

use std::{io, path::PathBuf};

use http::{HeaderMap, HeaderValue, header::HeaderName};

/// A name or a password, and where it comes from.
#[derive(Clone)]
pub enum Secret {
    File(PathBuf),
    Text(String),
}

/// A user's name and password; none of both is ClickHouse's user `default` without a password.
#[derive(Clone, Debug, Default)]
pub struct Login {
    pub username: Option<Secret>,
    pub password: Option<Secret>,
}

/// Why nobody can be logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("cannot read the credentials in {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("the credentials cannot be sent in a header: they hold a line break or another control character")]
    Text,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Text(_) => f.write_str("Text(…)"),
        }
    }
}

impl Login {
    /// Puts both into the headers of a request.
    pub(super) async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), LoginError> {
        for (secret, name) in [(&self.username, "x-clickhouse-user"), (&self.password, "x-clickhouse-key")] {
            let Some(secret) = secret else { continue };
            headers.insert(HeaderName::from_static(name), secret.header().await?);
        }
        Ok(())
    }
}

impl Secret {
    /// The text itself, where it is not in a file.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::File(_) => None,
        }
    }

    async fn header(&self) -> Result<HeaderValue, LoginError> {
        let text = match self {
            Self::File(path) => {
                &tokio::fs::read_to_string(path).await.map_err(|error| LoginError::Read(path.clone(), error))?
            }
            Self::Text(text) => text,
        };
        let value = HeaderValue::from_bytes(text.trim_end_matches(['\r', '\n']).as_bytes());
        let mut value = value.map_err(|_| LoginError::Text)?;
        value.set_sensitive(true);
        Ok(value)
    }
}
