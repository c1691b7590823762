//! What the operator costs an API server: comes in numbers of resources, goes out a table and `operator.json`, counted
//! from the API server's own audit log. Children have no nodes: their pods exist and wait. Must not count what others
//! ask for.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use serde::Serialize;
use tests::apiserver::{ApiServer, Audit, Request, User};
use tests::cost;
use tests::operator::Operator;
use tests::wait::eventually;

mod histogram;

/// Nothing written for so long: everything has settled.
const QUIET: Duration = Duration::from_secs(5);
const SETTLES_WITHIN: Duration = Duration::from_secs(600);
/// kubectl sends one after another; several of them ask like several people.
const HANDS: usize = 4;

/// Measures the operator against a real API server without nodes.
#[derive(Debug, Parser)]
#[command(name = "bench-operator")]
struct Args {
    /// Numbers of resources.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 200, 2000])]
    resources: Vec<usize>,
    /// Seconds to look at rest.
    #[arg(long, default_value_t = 60)]
    rest: u64,
    /// Where the results go.
    #[arg(long, default_value = "target/bench/operator.json")]
    json: PathBuf,
}

#[derive(Serialize)]
struct Report {
    results: Vec<Measured>,
}

/// Times begin with the first request that makes a resource. Writes are calls that may change something, whatever came
/// of them, leases aside.
#[derive(Serialize)]
struct Measured {
    resources: usize,
    /// Until the last child exists.
    children_s: f64,
    /// Until the last write.
    settle_s: f64,
    children_per_resource: f64,
    writes_per_resource: f64,
    /// Of the operator, whatever for.
    requests_per_resource: f64,
    /// Of the operator's process, until everything has settled.
    cpu_ms_per_resource: f64,
    writes_at_restart: usize,
    writes_at_rest: usize,
    cpu_percent_at_rest: f64,
    /// The most it ever had, in MB of a million bytes.
    rss_mb: f64,
    reconcile_p99_ms: f64,
    /// Leases and renewed watches are all there is.
    api_requests_at_rest_per_minute: f64,
    seconds_at_rest: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut report = Report { results: Vec::new() };
    let path = tests::repository().join(&args.json);
    std::fs::create_dir_all(path.parent().context("a folder")?)?;
    for resources in args.resources {
        let measured = measure(resources, args.rest).await.with_context(|| format!("{resources} resources"))?;
        println!("{}", serde_json::to_string(&measured)?);
        report.results.push(measured);
        // Every time: a run that is broken off has told what it knows.
        std::fs::write(&path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(())
}

async fn measure(resources: usize, rest: u64) -> anyhow::Result<Measured> {
    let mut server = ApiServer::start().await?;
    server.start_controllers()?;
    let literals = ["--from-literal=username=u", "--from-literal=password=p"];
    let cluster = server.cluster(User::Admin);
    cluster.kubectl(&[&["create", "secret", "generic", "clickhouse"], &literals[..]].concat())?;
    let mut operator = Operator::start(&server).await?;
    let mut audit = server.audit()?;

    create(&server, resources).await?;
    let made = settled(&mut audit).await?;
    let is_child = |request: &&Request| request.is_write() && request.resource != "clickstackcollectors";
    let is_made = |request: &&Request| is_child(request) && request.verb == "patch" && request.code == 201;
    let children: Vec<_> = made.iter().filter(is_made).collect();
    let pid = operator.process().pid();
    let cpu_until_settled = cost::cpu_seconds(pid)?;
    let p99 = histogram::quantile(&operator.metrics().await?, "clickstack_operator_reconcile_duration_seconds", 0.99);
    let creations = made.iter().filter(|request| request.user == User::Admin.name());
    let begun = creations.map(|request| seconds(&request.at)).fold(f64::INFINITY, f64::min);
    let last =
        |requests: &[&Request]| requests.iter().map(|request| seconds(&request.at)).fold(begun, f64::max) - begun;

    let cpu = cost::cpu_seconds(pid)?;
    tokio::time::sleep(Duration::from_secs(rest)).await;
    let cpu = cost::cpu_seconds(pid)? - cpu;
    let at_rest = audit.news()?;
    let rss_mb = cost::peak_rss_mb(pid)?;

    operator.stop().await?;
    let before = server.audit()?;
    let operator = Operator::start(&server).await?;
    let writes: Vec<_> = made.iter().filter(|request| request.is_write()).collect();
    let at_restart = restarted(before, &operator, resources).await?;
    operator.stop().await?;
    let whole = resources as f64;
    let asked = made.iter().filter(|request| request.user == User::Operator.name() && request.resource != "leases");
    Ok(Measured {
        resources,
        children_s: last(&children),
        settle_s: last(&writes),
        children_per_resource: children.len() as f64 / whole,
        writes_per_resource: writes.len() as f64 / whole,
        requests_per_resource: asked.count() as f64 / whole,
        cpu_ms_per_resource: cpu_until_settled * 1e3 / whole,
        writes_at_restart: at_restart,
        writes_at_rest: at_rest.iter().filter(|request| request.is_write()).count(),
        cpu_percent_at_rest: cpu / rest as f64 * 100.0,
        rss_mb,
        reconcile_p99_ms: p99.unwrap_or(f64::NAN) * 1e3,
        api_requests_at_rest_per_minute: at_rest.len() as f64 * 60.0 / rest as f64,
        seconds_at_rest: rest,
    })
}

/// Resources as several people would make them.
async fn create(server: &ApiServer, resources: usize) -> anyhow::Result<()> {
    let mut files = vec![String::new(); HANDS.min(resources)];
    for number in 0..resources {
        let hand = number % files.len();
        files[hand] += &format!(
            "---\napiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\nmetadata: {{name: r{number}, namespace: default}}\n\
             spec: {{clickhouse: {{endpoint: 'http://c:8123', credentials: {{secretName: clickhouse}}}}, gateway: {{}}, agent: {{}}}}\n"
        );
    }
    let mut hands = tokio::task::JoinSet::new();
    for file in files {
        let cluster = server.cluster(User::Admin);
        hands.spawn_blocking(move || cluster.kubectl_with(&["create", "-f", "-"], &file));
    }
    while let Some(made) = hands.join_next().await {
        made??;
    }
    Ok(())
}

/// Waits until nothing was written for a while; everything that was asked until then.
async fn settled(audit: &mut Audit) -> anyhow::Result<Vec<Request>> {
    let (begun, mut all, mut last) = (Instant::now(), Vec::new(), Instant::now());
    while last.elapsed() < QUIET {
        anyhow::ensure!(begun.elapsed() < SETTLES_WITHIN, "it still writes after {SETTLES_WITHIN:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let news = audit.news()?;
        if news.iter().any(Request::is_write) {
            last = Instant::now();
        }
        all.extend(news);
    }
    Ok(all)
}

/// Writes of a new operator, once it has looked at everything.
async fn restarted(mut audit: Audit, operator: &Operator, resources: usize) -> anyhow::Result<usize> {
    eventually("every resource was looked at", SETTLES_WITHIN, async || {
        let reconciles =
            operator.metric("clickstack_operator_reconciles_total").await.map_err(|error| format!("{error:#}"))?;
        if reconciles >= resources as f64 { Ok(()) } else { Err(format!("{reconciles} reconciles")) }
    })
    .await?;
    Ok(settled(&mut audit).await?.iter().filter(|request| request.is_write()).count())
}

/// Of an RFC 3339 time.
fn seconds(at: &str) -> f64 {
    at.parse::<tests::Timestamp>().map_or(0.0, |time| time.as_microsecond() as f64 / 1e6)
}
