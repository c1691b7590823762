//! The tables as the collector makes them, against the tables of the collector it replaces.

use std::collections::BTreeSet;

use collector::schema::objects::{Site, objects};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;

mod existing;
mod rights;

const NEW: &str = "26.2+";
const OLD: &str = "compat";

/// What differs on purpose from the tables of the fixture. Without a deduplication window a block that is sent again
/// would be stored twice.
const MORE_SETTINGS: [&str; 1] = ["non_replicated_deduplication_window = 1000"];

/// The rows of a fixture that are for this variant of server, without the name of the variant.
fn fixture(name: &str, variant: &str) -> Vec<String> {
    let file = tests::repository().join("tests/fixtures/schema").join(name);
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix(variant)?.strip_prefix('\t'));
    rows.map(str::to_owned).collect()
}

async fn rows(engine: &ClickHouse, sql: &str) -> Vec<String> {
    engine.query(sql).await.unwrap().lines().map(str::to_owned).collect()
}

/// Makes everything the way an older server would be given it; the statements themselves run on any server.
async fn make_as_for_an_older_server(engine: &ClickHouse) {
    let config = crds::config::Schema::default();
    let site =
        Site { database: "otel".to_owned(), config: config.clone(), retention: crds::config::Retention::default() };
    for object in objects(&config) {
        engine.query(&object.sql(&site, false)).await.unwrap();
    }
}

async fn holds_everything(engine: &ClickHouse, variant: &str) {
    let columns = "SELECT table, position, name, type, compression_codec, default_kind, default_expression \
                   FROM system.columns WHERE database = 'otel' ORDER BY table, position";
    assert_eq!(rows(engine, columns).await, fixture("columns.tsv", variant));
    let indexes = "SELECT table, name, type_full, expr, granularity FROM system.data_skipping_indices \
                   WHERE database = 'otel' ORDER BY table, name";
    assert_eq!(rows(engine, indexes).await, fixture("indexes.tsv", variant));
    let keys = "SELECT name, engine, partition_key, sorting_key, primary_key, \
                extract(create_table_query, '\\) TTL (.*) SETTINGS '), extract(create_table_query, ' SETTINGS (.*)$') \
                FROM system.tables WHERE database = 'otel' AND engine LIKE '%MergeTree' ORDER BY name";
    let (found, wanted) = (rows(engine, keys).await, fixture("tables.tsv", variant));
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(&wanted) {
        let ((found, settings), (wanted, wanted_settings)) =
            (found.rsplit_once('\t').unwrap(), wanted.rsplit_once('\t').unwrap());
        assert_eq!(found, wanted);
        let settings: BTreeSet<_> = settings.split(", ").collect();
        assert_eq!(settings, wanted_settings.split(", ").chain(MORE_SETTINGS).collect(), "{found}");
    }
}

#[tokio::test]
async fn a_start_makes_every_table_of_the_contract() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let _gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    holds_everything(&engine, NEW).await;
}

#[tokio::test]
async fn a_server_without_text_indexes_gets_bloom_filters() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    make_as_for_an_older_server(&engine).await;
    holds_everything(&engine, OLD).await;
}
