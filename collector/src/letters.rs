//! `clickstack-collector spool …`: what a person does with dead letters.
//!
//! Comes in: a command and the spool's folder. Goes out: what the letters say, or their requests sent again to a
//! collector. A running collector need not be stopped. Must not remove a letter that was not taken.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;

use crate::{
    signal::Signal,
    spool::dead::{BLOCK, DeadLetters, Heading},
};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Name every letter, and why it is one.
    List,
    /// Print a letter: a line that says what it is, and its request in OTLP/JSON.
    Show { name: String },
    /// Print the requests of letters in OTLP/JSON, one a line.
    Export(Which),
    /// Send letters to a collector, and remove what it takes.
    Replay {
        #[command(flatten)]
        which: Which,
        /// OTLP/HTTP of the collector.
        #[arg(long, default_value = "http://127.0.0.1:4318")]
        endpoint: String,
        /// A file with the token the collector wants.
        #[arg(long)]
        token_file: Option<PathBuf>,
    },
}

/// Letters by name, or all.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    names: Vec<String>,
    #[arg(long)]
    all: bool,
}

/// As long as a collector may take for one letter: longer than it holds a sender.
const ANSWER_WITHIN: Duration = Duration::from_secs(65);

/// What a block of a sibling is, and what can be done with it.
const NO_REQUEST: &str = "a block in ClickHouse's Native format: the second line of its file names the columns, what \
     follows is the body of INSERT INTO table (columns) FORMAT Native with decompress=1";

/// As much of an answer as is read.
const ANSWER: usize = 64 << 10;

/// Does it.
///
/// # Errors
/// The folder cannot be read, a letter is not there, or not all were taken.
pub async fn run(command: &Command, spool: &Path, out: &mut (dyn Write + Send)) -> Result<()> {
    let letters = DeadLetters::of(spool);
    match command {
        Command::List => list(&letters, out),
        Command::Show { name } => {
            let (heading, request) = read(&letters, name)?;
            writeln!(out, "{}", serde_json::to_string(&heading)?)?;
            if heading.signal == BLOCK {
                return Ok(writeln!(out, "{NO_REQUEST}")?);
            }
            Ok(writeln!(out, "{}", json(&heading, &request)?)?)
        }
        Command::Export(which) => {
            let (names, mut blocks) = (which.of(&letters)?, 0);
            for name in &names {
                let (heading, request) = read(&letters, name)?;
                if heading.signal == BLOCK {
                    blocks += 1;
                } else {
                    writeln!(out, "{}", json(&heading, &request)?)?;
                }
            }
            ensure!(
                blocks == 0,
                "{blocks} of {} letters are no requests; `spool show` says what they are",
                names.len()
            );
            Ok(())
        }
        Command::Replay { which, endpoint, token_file } => {
            let token =
                token_file.as_ref().map(std::fs::read_to_string).transpose().context("cannot read the token")?;
            replay(&letters, &which.of(&letters)?, endpoint, token.as_deref().map(str::trim), out).await
        }
    }
}

impl Which {
    fn of(&self, letters: &DeadLetters) -> Result<Vec<String>> {
        if self.all { names(letters) } else { Ok(self.names.clone()) }
    }
}

fn names(letters: &DeadLetters) -> Result<Vec<String>> {
    letters.names().context("cannot read the dead letters")
}

fn list(letters: &DeadLetters, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{:<28} {:<8} {:<36} RECEIVED (ms)  REASON", "NAME", "SIGNAL", "TABLE")?;
    for name in names(letters)? {
        let (Heading { signal, table, reason, received }, _) = read(letters, &name)?;
        writeln!(out, "{name:<28} {signal:<8} {:<36} {received}  {reason}", table.as_deref().unwrap_or("-"))?;
    }
    Ok(())
}

fn read(letters: &DeadLetters, name: &str) -> Result<(Heading, Vec<u8>)> {
    letters.read(name).with_context(|| format!("cannot read the letter {name}"))
}

fn signal(heading: &Heading) -> Result<Signal> {
    ensure!(heading.signal != BLOCK, "{NO_REQUEST}");
    let known = Signal::ALL.into_iter().find(|signal| signal.as_str() == heading.signal);
    known.with_context(|| format!("{:?} is no signal", heading.signal))
}

/// The request in OTLP/JSON, as OpenTelemetry's own libraries write it.
fn json(heading: &Heading, request: &[u8]) -> Result<String> {
    let text = match signal(heading)? {
        Signal::Logs => serde_json::to_string(&ExportLogsServiceRequest::decode(request)?)?,
        Signal::Metrics => serde_json::to_string(&ExportMetricsServiceRequest::decode(request)?)?,
        Signal::Traces => serde_json::to_string(&ExportTraceServiceRequest::decode(request)?)?,
    };
    Ok(text)
}

async fn replay(
    letters: &DeadLetters,
    names: &[String],
    endpoint: &str,
    token: Option<&str>,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    ensure!(endpoint.starts_with("http://"), "--endpoint {endpoint}: use http:// and the collector's own pod");
    let mut left = 0;
    for name in names {
        let (heading, request) = read(letters, name)?;
        match send(&heading, request, endpoint, token).await {
            Ok(()) => {
                letters.remove(name).with_context(|| format!("{name} was taken and cannot be removed"))?;
                writeln!(out, "{name} taken")?;
            }
            Err(error) => {
                left += 1;
                writeln!(out, "{name} not taken: {error:#}")?;
            }
        }
    }
    if left > 0 {
        bail!("{left} of {} letters were not taken; they are still there", names.len());
    }
    Ok(())
}

async fn send(heading: &Heading, request: Vec<u8>, endpoint: &str, token: Option<&str>) -> Result<()> {
    let uri = format!("{}{}", endpoint.trim_end_matches('/'), signal(heading)?.http_path());
    let mut builder = Request::post(uri).header(header::CONTENT_TYPE, "application/x-protobuf");
    if let Some(token) = token {
        builder = builder.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = builder.body(Full::new(Bytes::from(request)))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let answer = tokio::time::timeout(ANSWER_WITHIN, client.request(request)).await.context("no answer in time")??;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("no whole answer: {error}"))?.to_bytes();
    ensure!(status.is_success(), "the collector answers {status}");
    // An answer with a partial success is not empty: of a single record, nothing was taken.
    ensure!(body.is_empty(), "the collector takes only a part of it");
    Ok(())
}

#[cfg(test)]
mod tests;
