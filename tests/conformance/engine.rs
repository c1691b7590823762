//! The engine itself: what the other tests take for granted about it.

use std::time::{Duration, Instant};

use serde::Deserialize;
use tests::clickhouse::{ClickHouse, Options, QueryError, User};

const AUTHENTICATION_FAILED: u32 = 516;
const PASSWORD_REQUIRED: u32 = 194;
const ACCESS_DENIED: u32 = 497;

fn code(answer: Result<String, QueryError>) -> u32 {
    match answer {
        Err(QueryError::Refused { code, .. }) => code,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn the_engine_starts_soon_and_small() {
    let start = Instant::now();
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let took = start.elapsed();
    println!("ClickHouse {} ready in {took:?}", engine.query("SELECT version()").await.unwrap());
    assert!(took < Duration::from_secs(20), "{took:?}");
    for (name, wanted) in tests::clickhouse::small() {
        let sql = format!("SELECT value FROM system.server_settings WHERE name = '{name}'");
        assert_eq!(engine.query(&sql).await.unwrap(), wanted.to_string(), "{name}");
    }
}

#[tokio::test]
async fn only_the_right_password_is_let_in() {
    let users = vec![User::admin("owner", "first & last"), User::limited("reader", "r", &["GRANT SELECT ON shop.*"])];
    let engine = ClickHouse::start(Options { users, ..Options::default() }).await.unwrap();
    engine.query("CREATE DATABASE shop").await.unwrap();
    engine.query("CREATE TABLE shop.t (a UInt8) ENGINE = MergeTree ORDER BY a").await.unwrap();

    assert_eq!(engine.query("SELECT currentUser()").await.unwrap(), "owner");
    assert_eq!(code(engine.query_as("owner", "wrong", "SELECT 1").await), AUTHENTICATION_FAILED);
    assert_eq!(code(engine.query_as("stranger", "x", "SELECT 1").await), AUTHENTICATION_FAILED);
    assert_eq!(code(engine.query_as("default", "wrong", "SELECT 1").await), PASSWORD_REQUIRED);
    assert_eq!(engine.query_as("reader", "r", "SELECT count() FROM shop.t").await.unwrap(), "0");
    assert_eq!(code(engine.query_as("reader", "r", "INSERT INTO shop.t VALUES (1)").await), ACCESS_DENIED);
}

#[tokio::test]
async fn forgetting_to_log_in_gives_no_rights() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    engine.query("CREATE TABLE default.t (a UInt8) ENGINE = MergeTree ORDER BY a").await.unwrap();
    for sql in ["SELECT * FROM default.t", "INSERT INTO default.t VALUES (1)", "CREATE DATABASE x"] {
        assert_eq!(code(engine.query_as("default", "", sql).await), ACCESS_DENIED, "{sql}");
    }
}

#[derive(Debug, Deserialize, PartialEq)]
struct Row {
    id: u32,
    name: String,
}

#[tokio::test]
async fn rows_survive_a_kill_and_a_new_start() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    engine.query("CREATE DATABASE kept").await.unwrap();
    engine.query("CREATE TABLE kept.t (id UInt32, name String) ENGINE = MergeTree ORDER BY id").await.unwrap();
    engine.query("INSERT INTO kept.t VALUES (1, 'one'), (2, 'two')").await.unwrap();
    let url = engine.url();

    engine.kill().unwrap();
    assert!(engine.query("SELECT 1").await.is_err());
    assert!(engine.check_running().is_err());

    let start = Instant::now();
    engine.start_again().await.unwrap();
    println!("ready again in {:?}", start.elapsed());
    assert_eq!(engine.url(), url);
    let rows: Vec<Row> = engine.query_rows("SELECT * FROM kept.t ORDER BY id").await.unwrap();
    assert_eq!(rows, [Row { id: 1, name: "one".into() }, Row { id: 2, name: "two".into() }]);
}
