//! The kinds of telemetry, as OTLP names them.

/// What a delivery holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Signal {
    Logs,
}

impl Signal {
    pub const ALL: [Self; 1] = [Self::Logs];

    /// Path of the OTLP/HTTP endpoint.
    pub const fn http_path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
        }
    }

    /// Path of the OTLP/gRPC method.
    pub const fn grpc_path(self) -> &'static str {
        match self {
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}
