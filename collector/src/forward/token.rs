//! What this collector shows to gateways.
//!
//! Comes in: a file, read at every delivery, so that a rotated Secret takes effect by itself. Goes out: a header. Must
//! not show a token anywhere else.

use std::{fmt, io, path::PathBuf};

use tonic::metadata::{Ascii, MetadataValue};

/// A file with a token on each line. The first is shown; gateways may take more, while one replaces another.
#[derive(Clone)]
pub struct Token(PathBuf);

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0} holds no token")]
    Empty(PathBuf),
    #[error("the token in {0} has characters that cannot be in a header")]
    Text(PathBuf),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.0.display())
    }
}

impl Token {
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self(file.into())
    }

    pub(super) async fn shown(&self) -> Result<MetadataValue<Ascii>, TokenError> {
        let text = tokio::fs::read_to_string(&self.0).await;
        let text = text.map_err(|error| TokenError::Read(self.0.clone(), error))?;
        let token = text.lines().map(str::trim).find(|line| !line.is_empty());
        let token = token.ok_or_else(|| TokenError::Empty(self.0.clone()))?;
        let mut shown: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().map_err(|_| TokenError::Text(self.0.clone()))?;
        shown.set_sensitive(true);
        Ok(shown)
    }
}
