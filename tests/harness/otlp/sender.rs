//! The two transports: comes in a request, goes out its classified answer. The tables of retryable
//! codes are those of the OTLP specification, and must not follow what our receivers happen to send.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use prost::Message;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::Answer;
use crate::http::{Http, Response};

const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Sends to `http://host:port` + `/v1/logs`.
#[derive(Debug, Clone)]
pub struct OtlpHttp {
    http: Http,
    url: String,
}

impl OtlpHttp {
    pub fn new(endpoint: &str) -> OtlpHttp {
        OtlpHttp { http: Http::default(), url: format!("{endpoint}/v1/logs") }
    }

    /// One that waits as long as is said for each answer.
    pub fn patient(endpoint: &str, answer_within: Duration) -> OtlpHttp {
        OtlpHttp { http: Http::patient(answer_within), url: format!("{endpoint}/v1/logs") }
    }

    pub async fn send(&self, request: &ExportLogsServiceRequest) -> Answer {
        self.send_encoded(Bytes::from(request.encode_to_vec())).await
    }

    /// Sends a request that is encoded already: the same bytes each time.
    pub async fn send_encoded(&self, body: Bytes) -> Answer {
        match self.http.post(&self.url, &[("content-type", "application/x-protobuf")], body).await {
            Ok(response) => of_http(&response),
            Err(error) => {
                let is_connect = |cause: &hyper_util::client::legacy::Error| cause.is_connect();
                let was_sent = !error.chain().filter_map(|cause| cause.downcast_ref()).any(is_connect);
                Answer::Unanswered { was_sent, reason: format!("{error:#}") }
            }
        }
    }
}

/// Sends to `http://host:port` over gRPC; connects when first used, and again after a break.
#[derive(Debug, Clone)]
pub struct OtlpGrpc {
    client: LogsServiceClient<Channel>,
}

impl OtlpGrpc {
    pub fn new(endpoint: &str) -> anyhow::Result<OtlpGrpc> {
        Self::patient(endpoint, ANSWER_WITHIN)
    }

    /// One that waits as long as is said for each answer.
    pub fn patient(endpoint: &str, answer_within: Duration) -> anyhow::Result<OtlpGrpc> {
        let channel = Endpoint::from_shared(endpoint.to_owned())?.timeout(answer_within).connect_lazy();
        Ok(OtlpGrpc { client: LogsServiceClient::new(channel) })
    }

    pub async fn send(&self, request: &ExportLogsServiceRequest) -> Answer {
        match self.client.clone().export(request.clone()).await {
            Ok(response) => accepted(response.into_inner()),
            Err(status) => of_grpc(&status),
        }
    }

    /// As a collector sends what it keeps, under a name.
    pub async fn send_named(&self, request: &ExportLogsServiceRequest, name: &str) -> Answer {
        let mut request = tonic::Request::new(request.clone());
        if let Ok(name) = name.parse() {
            request.metadata_mut().insert("clickstack-delivery", name);
        }
        match self.client.clone().export(request).await {
            Ok(response) => accepted(response.into_inner()),
            Err(status) => of_grpc(&status),
        }
    }
}

fn of_http(response: &Response) -> Answer {
    let code = response.status.as_u16();
    let reason = format!("{code}: {}", response.text());
    match code {
        200 => match ExportLogsServiceResponse::decode(response.body.clone()) {
            Ok(message) => accepted(message),
            Err(error) => {
                Answer::Permanent { code: "200".into(), reason: format!("an answer that is no OTLP: {error}") }
            }
        },
        429 | 502 | 503 | 504 => {
            let after = response.header("retry-after").and_then(|seconds| seconds.parse().ok());
            Answer::Retry { after: after.map(Duration::from_secs), reason }
        }
        _ => Answer::Permanent { code: code.to_string(), reason },
    }
}

fn of_grpc(status: &Status) -> Answer {
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let reason = status.to_string();
    // A status that this client made itself has its reason as source: nobody answered.
    if let Some(source) = std::error::Error::source(status) {
        let mut causes = std::iter::successors(Some(source), |cause| cause.source());
        let was_sent = !causes.any(<dyn std::error::Error>::is::<tonic::ConnectError>);
        return Answer::Unanswered { was_sent, reason };
    }
    match status.code() {
        Code::Cancelled | Code::DeadlineExceeded | Code::Aborted => Answer::Retry { after, reason },
        Code::OutOfRange | Code::Unavailable | Code::DataLoss => Answer::Retry { after, reason },
        Code::ResourceExhausted if after.is_some() => Answer::Retry { after, reason },
        code => Answer::Permanent { code: format!("{code:?}"), reason },
    }
}

fn accepted(response: ExportLogsServiceResponse) -> Answer {
    let partial = response.partial_success.unwrap_or_default();
    let rejected = u64::try_from(partial.rejected_log_records).unwrap_or(0);
    Answer::Accepted { rejected, message: partial.error_message }
}
