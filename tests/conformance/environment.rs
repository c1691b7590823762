//! The variables of ClickStack's own collector, and no file.

use std::process::Command;
use std::time::Duration;

use prost::Message;
use tests::clickhouse::{ADMIN, ADMIN_PASSWORD, ClickHouse, Options};
use tests::collector::binary;
use tests::http::Http;
use tests::otlp::Rows;
use tests::ports::free_port;
use tests::processes::Process;
use tests::wait::eventually;

use crate::opamp::hyperdx::HyperDx;

fn refused(variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary().unwrap());
    let ended = command.args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[tokio::test]
async fn started_as_the_existing_image_it_stores_rows_and_is_well() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let custom = dir.path().join("custom.yaml");
    let kept = dir.path().join("opamp.json");
    let app = HyperDx::start().await;
    app.teams(&["sesame"], true);
    let [grpc, http, health, metrics, fluent] = [(); 5].map(|()| free_port("127.0.0.1").unwrap());
    let text = format!(
        "receivers: {{otlp/hyperdx: {{protocols: {{grpc: {{endpoint: '127.0.0.1:{grpc}'}}, \
         http: {{endpoint: '127.0.0.1:{http}'}}}}}}, fluentforward: {{endpoint: '${{env:FLUENT}}'}}}}\n\
         extensions: {{health_check: {{endpoint: '127.0.0.1:{health}'}}}}\n\
         service: {{telemetry: {{metrics: {{address: '127.0.0.1:{metrics}'}}}}}}\n"
    );
    std::fs::write(&custom, text).unwrap();
    let variables = [
        ("CLICKHOUSE_ENDPOINT", engine.url()),
        ("CLICKHOUSE_USER", ADMIN.to_owned()),
        ("CLICKHOUSE_PASSWORD", ADMIN_PASSWORD.to_owned()),
        ("HYPERDX_OTEL_EXPORTER_CLICKHOUSE_DATABASE", "otel".to_owned()),
        ("HYPERDX_OTEL_EXPORTER_LOGS_TTL", "48h".to_owned()),
        ("HYPERDX_OTEL_BATCH_TIMEOUT", "100ms".to_owned()),
        ("OPAMP_SERVER_URL", app.url()),
        ("CLICKSTACK_OPAMP_STATE_FILE", kept.display().to_string()),
        ("CUSTOM_OTELCOL_CONFIG_FILE", custom.display().to_string()),
        ("FLUENT", format!("127.0.0.1:{fluent}")),
    ];
    let started = |arguments: &[&str]| {
        let mut command = Command::new(binary().unwrap());
        command.args(arguments).env_clear().envs(variables.iter().map(|(name, value)| (*name, value)));
        command
    };
    // As its own jobs make the tables.
    assert!(started(&["migrate", "/etc/otel/schema/seed"]).status().unwrap().success());
    // As the chart's subchart starts it, and as an OpenTelemetry Collector is told of several files.
    let command = started(&["--config=/conf/relay.yaml", "--config", "/conf/more.yaml"]);
    let mut collector = Process::start("collector", command, &dir.path().join("log")).unwrap();
    let send = async |key: &str| {
        let body = Rows::new("environment", 1).request(0..10).encode_to_vec();
        let headers = [("content-type", "application/x-protobuf"), ("authorization", key)];
        Http::default().post(&format!("http://127.0.0.1:{http}/v1/logs"), &headers, body.into()).await
    };
    eventually("rows are stored", Duration::from_secs(60), async || {
        collector.check_running().map_err(|error| format!("{error:#}"))?;
        let answer = send("sesame").await.map_err(|error| format!("{error:#}"))?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await
    .unwrap();
    assert_eq!(send("other").await.unwrap().status, 401, "HyperDX's keys are asked for");
    eventually("the keys are kept", Duration::from_secs(30), async || {
        if kept.is_file() { Ok(()) } else { Err("no file".to_owned()) }
    })
    .await
    .unwrap();
    assert_eq!(engine.query("SELECT count() FROM otel.otel_logs").await.unwrap(), "10");
    let table = engine.query("SHOW CREATE TABLE otel.otel_logs FORMAT TSVRaw").await.unwrap();
    assert!(table.contains("toIntervalDay(2)"), "{table}");
    let root = Http::default().get(&format!("http://127.0.0.1:{health}/")).await.unwrap();
    assert_eq!(root.status, 200);
    tokio::net::TcpStream::connect(("127.0.0.1", fluent)).await.expect("Fluent's port is open");
    assert!(started(&["health"]).status().unwrap().success());
    let log = collector.log();
    assert!(!log.contains(ADMIN_PASSWORD) && !log.contains("sesame"), "{log}");
    collector.terminate().unwrap();
    assert!(collector.wait(Duration::from_secs(30)).await.unwrap().success());
    assert_eq!(started(&["health"]).status().unwrap().code(), Some(1));
}

#[test]
fn a_hopeless_variable_is_named_with_its_remedy_and_exit_code_2() {
    let endpoint = ("CLICKHOUSE_ENDPOINT", "tcp://ch:9000");
    for (variables, named) in [
        (vec![], "CLICKHOUSE_ENDPOINT"),
        (vec![("CLICKHOUSE_ENDPOINT", "ftp://ch")], "tcps"),
        (vec![("CLICKHOUSE_ENDPOINT", "tcp://ch:9100")], "CLICKSTACK_CLICKHOUSE_HTTP_ENDPOINT"),
        (vec![("CLICKHOUSE_ENDPOINT", "tcp://u:hunter2@ch")], "CLICKHOUSE_PASSWORD"),
        (vec![endpoint, ("HYPERDX_OTEL_EXPORTER_TABLES_TTL", "0h")], "HYPERDX_OTEL_EXPORTER_TABLES_TTL: must be"),
        (vec![endpoint, ("CUSTOM_OTELCOL_CONFIG_FILE", "/nowhere")], "/nowhere"),
        (vec![endpoint, ("OPAMP_SERVER_URL", "http://u:hunter2@app:4320")], "OPAMP_SERVER_URL: holds credentials"),
    ] {
        for command in ["run", "check-config", "migrate"] {
            let (code, told) = refused(&variables, &[command]);
            assert_eq!(code, Some(2), "{variables:?}: {told}");
            assert!(told.contains(named) && !told.contains("hunter2"), "{variables:?}: {told}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let custom = dir.path().join("custom.yaml");
    std::fs::write(&custom, "processors: {tail_sampling: {decision_wait: 10s}}").unwrap();
    let file = custom.display().to_string();
    let (code, told) = refused(&[endpoint, ("CUSTOM_OTELCOL_CONFIG_FILE", &file)], &["check-config"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("processors.tail_sampling.decision_wait"), "{told}");
}
