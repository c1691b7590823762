//! What the operator asked, and what people did to resources, from the API server's own log: comes in a file that grows, goes out each request once.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::User;

/// A place in the log.
#[derive(Debug)]
pub struct Audit {
    log: PathBuf,
    place: u64,
}

/// One request that was answered.
#[derive(Clone, Debug)]
pub struct Request {
    pub user: String,
    pub verb: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    pub code: u16,
    /// When it was answered, as RFC 3339 with microseconds, which sorts as time.
    pub at: String,
}

impl Request {
    /// A call of the operator that may change something, whatever came of it. Leases are its own pulse.
    pub fn is_write(&self) -> bool {
        self.user == User::Operator.name() && self.resource != "leases" && self.may_change()
    }

    fn may_change(&self) -> bool {
        matches!(&*self.verb, "create" | "update" | "patch" | "delete" | "deletecollection")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    user: Who,
    verb: String,
    stage_timestamp: String,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct Who {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

impl Audit {
    pub(super) fn from_now(log: &Path) -> anyhow::Result<Audit> {
        let place = log.metadata().map_or(0, |metadata| metadata.len());
        Ok(Audit { log: log.to_owned(), place })
    }

    /// What was asked since the last call.
    pub fn news(&mut self) -> anyhow::Result<Vec<Request>> {
        let mut text = String::new();
        // Written at the first request.
        if let Ok(mut log) = File::open(&self.log) {
            log.seek(SeekFrom::Start(self.place))?;
            log.read_to_string(&mut text)?;
        }
        // The last line may be half written.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.place += whole as u64;
        text[..whole].lines().map(|line| Ok(Request::from(serde_json::from_str::<Line>(line)?))).collect()
    }
}

impl From<Line> for Request {
    fn from(line: Line) -> Request {
        let Object { resource, subresource, namespace, name } = line.object_ref;
        let code = line.response_status.code;
        let user = line.user.username;
        Request { user, verb: line.verb, resource, subresource, namespace, name, code, at: line.stage_timestamp }
    }
}
