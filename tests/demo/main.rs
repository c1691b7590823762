//! The main job, end to end, for a person to watch: `demo` runs it, `demo stop` takes it away again.
//!
//! Comes in: built images, a machine. Goes out: what happened, in words and rows; an exit code that is not 0 when a
//! single row is missing. Must not leave anything outside `target/`, its own namespace and that of the chart.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use tests::clickhouse::background::Background;
use tests::clickhouse::{ADMIN, ADMIN_PASSWORD, User};
use tests::cluster::Cluster;
use tests::otlp::Rows;
use tests::senders::{Protocol, SIGNALS, Sdk, Sending};

const NAMESPACE: &str = "clickstack-demo";
const DATABASE: &str = "demo";
const HTTP_PORT: u16 = 18_123;
const TCP_PORT: u16 = 19_000;

/// Rows of each kind for each node.
const ROWS: u64 = 500;

#[tokio::main]
async fn main() -> ExitCode {
    let is_stop = std::env::args().nth(1).as_deref() == Some("stop");
    match if is_stop { stop().await } else { run().await } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    say("A two-node Kubernetes with the operator, and a ClickHouse server beside it");
    let cluster = Cluster::prepared()?;
    let users = vec![User::admin(ADMIN, ADMIN_PASSWORD)];
    let life = std::time::Duration::from_secs(86_400);
    let clickhouse = Background::start(&directory(), (cluster.host.as_str(), HTTP_PORT, TCP_PORT), users, life).await?;
    println!("ClickHouse {} at {}", clickhouse.query("SELECT version()").await?, clickhouse.url());

    say("One resource");
    let resource = resource(&clickhouse.url());
    println!("{resource}");
    prepare_namespace(&cluster)?;
    let start = std::time::Instant::now();
    cluster.kubectl_with(&["apply", "-f", "-"], &resource)?;
    kubectl(&cluster, &["wait", "--for=condition=Ready", "clickstackcollector/main", "--timeout=120s"])?;
    println!("Ready {:.1} s after it was applied", start.elapsed().as_secs_f32());

    say("What it says, and the pods on each node");
    println!("{}", kubectl(&cluster, &["get", "clickstackcollectors"])?);
    println!(
        "{}",
        kubectl(
            &cluster,
            &[
                "get",
                "pods",
                "-o",
                "custom-columns=NODE:.spec.nodeName,POD:.metadata.name,STATUS:.status.phase,IP:.status.podIP",
                "--sort-by=.spec.nodeName"
            ]
        )?
    );

    let run = format!("demo-{}", std::process::id());
    let expected = send(&cluster, &run)?;
    show_rows(&clickhouse, &run, expected).await?;
    say_next(&cluster);
    Ok(())
}

/// The namespace and the Secret with ClickHouse's user.
fn prepare_namespace(cluster: &Cluster) -> anyhow::Result<()> {
    let objects = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: clickhouse, namespace: {NAMESPACE}}}\n\
         stringData: {{username: {ADMIN}, password: {ADMIN_PASSWORD}}}\n"
    );
    cluster.kubectl_with(&["apply", "-f", "-"], &objects).map(drop)
}

fn resource(endpoint: &str) -> String {
    format!(
        "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\n\
         metadata:\n  name: main\n  namespace: {NAMESPACE}\nspec:\n  clickhouse:\n    endpoint: {endpoint}\n    \
         database: {DATABASE}\n    credentials:\n      secretName: clickhouse\n  gateway: {{}}\n  agent: {{}}\n"
    )
}

/// Sends with the SDK to the agent of each node; returns how many rows there must be.
fn send(cluster: &Cluster, run: &str) -> anyhow::Result<u64> {
    say("Logs, spans and metrics from the OpenTelemetry SDK for Python to the agent of each node");
    let nodes = cluster.nodes()?;
    for (index, (node, address)) in nodes.iter().enumerate() {
        let (protocol, port) = if index % 2 == 0 { (Protocol::Grpc, 4317) } else { (Protocol::HttpProtobuf, 4318) };
        let endpoint = format!("http://{address}:{port}");
        let sending = Sending {
            sdk: Sdk::Python,
            protocol,
            endpoint: &endpoint,
            signals: SIGNALS,
            run_id: run,
            service: node,
            first: index as u64 * ROWS,
            count: ROWS,
            start_unix_nanos: Rows::new(run, 0).start_unix_nanos,
        };
        sending.run().with_context(|| format!("the SDK could not send to {endpoint}"))?;
        println!("{ROWS} rows of each kind to {node} at {endpoint} ({protocol:?}), all answered OK");
    }
    Ok(nodes.len() as u64 * ROWS)
}

/// The tables the SDK's rows go to, each with the column that says which row of which run it is.
const TABLES: &[(&str, &str)] = &[
    ("otel_logs", "LogAttributes"),
    ("otel_traces", "SpanAttributes"),
    ("otel_metrics_gauge", "Attributes"),
    ("otel_metrics_sum", "Attributes"),
    ("otel_metrics_histogram", "Attributes"),
    ("otel_metrics_exponential_histogram", "Attributes"),
];

async fn show_rows(clickhouse: &Background, run: &str, expected: u64) -> anyhow::Result<()> {
    say("The rows in ClickHouse");
    let count = |(table, attributes): &(&str, &str)| {
        format!(
            "SELECT '{table}' AS table, count() AS rows, uniqExact({attributes}['row.id']) AS distinct \
             FROM {DATABASE}.{table} WHERE {attributes}['run.id'] = '{run}'"
        )
    };
    let counts = TABLES.iter().map(count).collect::<Vec<_>>().join(" UNION ALL ");
    println!("{}", clickhouse.query(&format!("{counts} FORMAT PrettyCompactMonoBlock")).await?);
    let some = format!(
        "SELECT Timestamp, ServiceName, SeverityText, Body, LogAttributes['row.id'] AS row FROM {DATABASE}.otel_logs \
         WHERE LogAttributes['run.id'] = '{run}' ORDER BY Timestamp LIMIT 3 FORMAT PrettyCompactMonoBlock"
    );
    println!("{}", clickhouse.query(&some).await?);
    let differ = format!("SELECT count() FROM ({counts}) WHERE (rows, distinct) != ({expected}, {expected})");
    ensure!(
        clickhouse.query(&differ).await? == "0",
        "{expected} rows of each kind were answered OK, but ClickHouse has other numbers"
    );
    println!("{expected} rows of each kind sent, {expected} stored in each table, each once.");
    Ok(())
}

fn say_next(cluster: &Cluster) {
    say("Where to look next");
    println!("  {}", cluster.export());
    println!("  target/cluster kubectl --namespace {NAMESPACE} get clickstackcollector main -o yaml");
    println!(
        "  target/cluster kubectl --namespace {NAMESPACE} logs --prefix --selector app.kubernetes.io/instance=main"
    );
    println!(
        "  cargo run -q -p tests --bin clickhouse -- query --dir target/demo/clickhouse 'SELECT count() FROM {DATABASE}.otel_logs'"
    );
    println!("\nStop it with:  make demo-stop");
}

async fn stop() -> anyhow::Result<()> {
    let was_running = Background::stop(&directory()).await?;
    println!("ClickHouse {}", if was_running { "stopped" } else { "was not running" });
    Ok(())
}

fn kubectl(cluster: &Cluster, arguments: &[&str]) -> anyhow::Result<String> {
    cluster.kubectl(&[&["--namespace", NAMESPACE], arguments].concat())
}

fn directory() -> PathBuf {
    tests::repository().join("target/demo/clickhouse")
}

fn say(what: &str) {
    println!("\n== {what}\n");
}
