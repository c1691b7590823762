//! A real ClickHouse server by hand: `clickhouse fetch | start | query | stop`. Comes in a command
//! line, goes out an exit code; everything else is the harness's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tests::clickhouse::background::Background;
use tests::clickhouse::{ADMIN, ADMIN_PASSWORD, User, launch};
use tests::engines;

#[derive(Debug, Parser)]
#[command(about = "The real ClickHouse server that tests and the demo use")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Gets the server once; it is kept under target/engines.
    Fetch,
    /// Starts a server in the background, or finds the one that runs in DIR.
    Start(Start),
    /// Runs one query on the server in DIR.
    Query {
        #[arg(long)]
        dir: PathBuf,
        sql: String,
    },
    /// Stops the server in DIR; its rows stay.
    Stop {
        #[arg(long)]
        dir: PathBuf,
    },
    /// Becomes the server (what `start` and the tests run).
    #[command(hide = true)]
    Serve {
        library: PathBuf,
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Start {
    #[arg(long)]
    dir: PathBuf,
    #[arg(long, default_value = "127.0.0.1")]
    listen: String,
    #[arg(long, default_value_t = 8123)]
    http_port: u16,
    #[arg(long, default_value_t = 9000)]
    tcp_port: u16,
    /// NAME:PASSWORD with every right; may be repeated, the first one is whom `query` logs in as.
    #[arg(long = "user", default_values_t = [format!("{ADMIN}:{ADMIN_PASSWORD}")])]
    users: Vec<String>,
    /// The server ends by itself after this long.
    #[arg(long, default_value_t = 86_400)]
    life_seconds: u64,
}

fn main() -> anyhow::Result<()> {
    let command = Arguments::parse().command;
    // The server makes its own threads: it starts before any of ours.
    if let Command::Serve { library, arguments } = &command {
        return launch::serve(library, arguments);
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(command))
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Fetch => println!("{}", engines::fetch_clickhouse()?.display()),
        Command::Start(wanted) => start(&wanted).await?,
        Command::Query { dir, sql } => println!("{}", running(&dir)?.query(&sql).await?),
        Command::Stop { dir } => {
            let was = if Background::stop(&dir).await? { "stopped" } else { "was not running" };
            println!("ClickHouse in {} {was}", dir.display());
        }
        Command::Serve { .. } => {}
    }
    Ok(())
}

async fn start(wanted: &Start) -> anyhow::Result<()> {
    engines::fetch_clickhouse()?;
    let users = wanted.users.iter().map(|user| parse_user(user)).collect::<anyhow::Result<_>>()?;
    let listen = (wanted.listen.as_str(), wanted.http_port, wanted.tcp_port);
    let server = Background::start(&wanted.dir, listen, users, Duration::from_secs(wanted.life_seconds)).await?;
    println!("ClickHouse answers at {}; its log is {}/server.log", server.url(), wanted.dir.display());
    Ok(())
}

fn running(dir: &Path) -> anyhow::Result<Background> {
    Background::find(dir)?.with_context(|| format!("no ClickHouse runs in {}", dir.display()))
}

fn parse_user(user: &str) -> anyhow::Result<User> {
    let (name, password) = user.split_once(':').context("--user wants NAME:PASSWORD")?;
    Ok(User::admin(name, password))
}
