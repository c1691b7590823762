//! The `receivers.containerLogs` section: which of the node's container logs are read, and how.

use serde::{Deserialize, Serialize};

use crate::quantity::ByteSize;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ContainerLogs {
    /// Where the kubelet keeps them.
    pub directory: String,
    /// Where positions are kept, so that a restart goes on where the last process ended. On the node's disk.
    pub state_directory: String,
    /// Whose logs are read.
    pub namespaces: Namespaces,
    /// What becomes of logs that are there when an agent runs on a node for the first time.
    pub start_at: StartAt,
    /// The longest text of a record. What is beyond is dropped, and its length told in the record.
    pub max_line_bytes: ByteSize,
}

/// Names of namespaces, in which `*` stands for any text.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Namespaces {
    /// Empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "kubernetes", schemars(length(max = 256), inner(length(max = 253))))]
    pub include: Vec<String>,
    /// Taken away from those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "kubernetes", schemars(length(max = 256), inner(length(max = 253))))]
    pub exclude: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum StartAt {
    /// Read them too.
    Beginning,
    /// Only what is written from now on.
    #[default]
    End,
}

impl Default for ContainerLogs {
    /// 256 KiB: sixteen times the pieces in which runtimes write, so that stack traces and large JSON are whole.
    fn default() -> Self {
        Self {
            directory: "/var/log/pods".to_owned(),
            state_directory: "/var/lib/clickstack".to_owned(),
            namespaces: Namespaces::default(),
            start_at: StartAt::default(),
            max_line_bytes: ByteSize::kibibytes(256),
        }
    }
}
