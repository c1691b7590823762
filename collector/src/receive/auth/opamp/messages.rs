//! The messages of OpAMP, as far as they are spoken here, with the numbers of
//! <https://github.com/open-telemetry/opamp-spec/blob/main/proto/opamp.proto>. Comes in: bytes. Goes out: fields, and the
//! other way round. Pure. What is not here is skipped when it is read, as protobuf wants it.

use std::collections::HashMap;

/// Bits of `AgentToServer.capabilities`: what this side does.
pub(super) mod capability {
    pub const REPORTS_STATUS: u64 = 0x1;
    pub const ACCEPTS_REMOTE_CONFIG: u64 = 0x2;
    pub const REPORTS_HEALTH: u64 = 0x800;
    pub const REPORTS_REMOTE_CONFIG: u64 = 0x1000;
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AgentToServer {
    /// 16 bytes, a UUID of version 7.
    #[prost(bytes = "vec", tag = "1")]
    pub instance_uid: Vec<u8>,
    /// One more with every message.
    #[prost(uint64, tag = "2")]
    pub sequence_num: u64,
    #[prost(message, optional, tag = "3")]
    pub agent_description: Option<AgentDescription>,
    #[prost(uint64, tag = "4")]
    pub capabilities: u64,
    #[prost(message, optional, tag = "5")]
    pub health: Option<ComponentHealth>,
    #[prost(message, optional, tag = "7")]
    pub remote_config_status: Option<RemoteConfigStatus>,
    /// In the last message of all.
    #[prost(message, optional, tag = "9")]
    pub agent_disconnect: Option<AgentDisconnect>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct AgentDisconnect {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AgentDescription {
    #[prost(message, repeated, tag = "1")]
    pub identifying_attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "2")]
    pub non_identifying_attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// A value that is a text; there is no other here.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AnyValue {
    #[prost(string, tag = "1")]
    pub string_value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ComponentHealth {
    #[prost(bool, tag = "1")]
    pub healthy: bool,
    #[prost(fixed64, tag = "2")]
    pub start_time_unix_nano: u64,
    #[prost(string, tag = "3")]
    pub last_error: String,
    #[prost(fixed64, tag = "5")]
    pub status_time_unix_nano: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RemoteConfigStatus {
    #[prost(bytes = "vec", tag = "1")]
    pub last_remote_config_hash: Vec<u8>,
    #[prost(enumeration = "RemoteConfigStatuses", tag = "2")]
    pub status: i32,
    #[prost(string, tag = "3")]
    pub error_message: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum RemoteConfigStatuses {
    Unset = 0,
    Applied = 1,
    Applying = 2,
    Failed = 3,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ServerToAgent {
    /// That of the message it answers.
    #[prost(bytes = "vec", tag = "1")]
    pub instance_uid: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub error_response: Option<ServerErrorResponse>,
    #[prost(message, optional, tag = "3")]
    pub remote_config: Option<AgentRemoteConfig>,
    #[prost(message, optional, tag = "8")]
    pub agent_identification: Option<AgentIdentification>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ServerErrorResponse {
    /// 0 unknown, 1 bad request, 2 unavailable.
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(string, tag = "2")]
    pub error_message: String,
    #[prost(message, optional, tag = "3")]
    pub retry_info: Option<RetryInfo>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct RetryInfo {
    #[prost(uint64, tag = "1")]
    pub retry_after_nanoseconds: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AgentRemoteConfig {
    #[prost(message, optional, tag = "1")]
    pub config: Option<AgentConfigMap>,
    /// The same hash, the same configuration.
    #[prost(bytes = "vec", tag = "2")]
    pub config_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AgentConfigMap {
    #[prost(map = "string, message", tag = "1")]
    pub config_map: HashMap<String, AgentConfigFile>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AgentConfigFile {
    #[prost(bytes = "vec", tag = "1")]
    pub body: Vec<u8>,
    #[prost(string, tag = "2")]
    pub content_type: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AgentIdentification {
    /// What this agent is called from now on.
    #[prost(bytes = "vec", tag = "1")]
    pub new_instance_uid: Vec<u8>,
}

impl KeyValue {
    pub(super) fn of(key: &str, value: &str) -> Self {
        Self { key: key.to_owned(), value: Some(AnyValue { string_value: value.to_owned() }) }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    /// A field with a length: its number and wire type 2, and what is in it.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
    }

    #[test]
    fn what_is_sent_has_the_numbers_of_the_specification() {
        let message = AgentToServer {
            instance_uid: vec![7; 16],
            sequence_num: 3,
            agent_description: Some(AgentDescription {
                identifying_attributes: vec![KeyValue::of("service.name", "c")],
                non_identifying_attributes: vec![KeyValue::of("os.type", "linux")],
            }),
            capabilities: capability::REPORTS_STATUS | capability::ACCEPTS_REMOTE_CONFIG,
            health: Some(ComponentHealth {
                healthy: true,
                start_time_unix_nano: 1,
                last_error: "e".into(),
                status_time_unix_nano: 2,
            }),
            remote_config_status: Some(RemoteConfigStatus {
                last_remote_config_hash: vec![9],
                status: RemoteConfigStatuses::Failed.into(),
                error_message: "no".into(),
            }),
            agent_disconnect: Some(AgentDisconnect {}),
        };
        let key_value =
            |key: &str, value: &str| [field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat();
        let description =
            [field(1, &key_value("service.name", "c")), field(2, &key_value("os.type", "linux"))].concat();
        let health = [
            &[1 << 3, 1][..],
            &[2 << 3 | 1, 1, 0, 0, 0, 0, 0, 0, 0],
            &field(3, b"e"),
            &[5 << 3 | 1, 2, 0, 0, 0, 0, 0, 0, 0],
        ];
        let status = [&field(1, &[9])[..], &[2 << 3, 3], &field(3, b"no")].concat();
        let wanted = [
            &field(1, &[7; 16])[..],
            &[2 << 3, 3],
            &field(3, &description),
            &[4 << 3, 3],
            &field(5, &health.concat()),
            &field(7, &status),
            &field(9, b""),
        ];
        assert_eq!(message.encode_to_vec(), wanted.concat());
    }

    #[test]
    fn what_is_read_has_the_numbers_of_the_specification_and_the_rest_is_skipped() {
        let file = [field(1, b"{}"), field(2, b"application/json")].concat();
        let map = field(1, &[field(1, b"config.json"), field(2, &file)].concat());
        let config = [field(1, &map), field(2, &[1, 2])].concat();
        let error = [&[1 << 3, 2][..], &field(2, b"busy"), &field(3, &[1 << 3, 5])].concat();
        let bytes = [
            &field(1, &[7; 16])[..],
            &field(2, &error),
            &field(3, &config),
            &field(5, b""),
            &[6 << 3, 1, 7 << 3, 7],
            &field(8, &field(1, &[8; 16])),
        ];
        let read = ServerToAgent::decode(bytes.concat().as_slice()).unwrap();
        assert_eq!(read.instance_uid, [7; 16]);
        let error = read.error_response.unwrap();
        assert_eq!((error.kind, error.error_message.as_str()), (2, "busy"));
        assert_eq!(error.retry_info.unwrap().retry_after_nanoseconds, 5);
        let offer = read.remote_config.unwrap();
        assert_eq!(offer.config_hash, [1, 2]);
        let file = &offer.config.unwrap().config_map["config.json"];
        assert_eq!((file.body.as_slice(), file.content_type.as_str()), (&b"{}"[..], "application/json"));
        assert_eq!(read.agent_identification.unwrap().new_instance_uid, [8; 16]);
    }
}
