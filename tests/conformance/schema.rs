//! The tables as the collector makes them, against the tables of the collector it replaces.

use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;

/// The rows of a fixture without its header and its variant.
fn fixture(name: &str) -> Vec<String> {
    let file = tests::repository().join("tests/fixtures/schema").join(name);
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().skip(1).map(|line| line.split_once('\t').unwrap().1.to_owned()).collect()
}

async fn rows(engine: &ClickHouse, sql: &str) -> Vec<String> {
    engine.query(sql).await.unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn otel_logs_has_the_columns_and_indexes_of_the_contract() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let _gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let columns = "SELECT table, position, name, type, compression_codec, default_kind, default_expression \
                   FROM system.columns WHERE database = 'otel' AND table = 'otel_logs' ORDER BY position";
    assert_eq!(rows(&engine, columns).await, fixture("otel_logs.columns.tsv"));
    let indexes = "SELECT table, name, type_full, expr, granularity FROM system.data_skipping_indices \
                   WHERE database = 'otel' AND table = 'otel_logs' ORDER BY name";
    assert_eq!(rows(&engine, indexes).await, fixture("otel_logs.indexes.tsv"));
}

/// One setting differs on purpose: without a deduplication window a block sent twice would be stored twice.
#[tokio::test]
async fn otel_logs_is_partitioned_sorted_and_kept_as_the_contract_says() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let _gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let table = "SELECT create_table_query FROM system.tables WHERE database = 'otel' AND name = 'otel_logs'";
    let created = engine.query(table).await.unwrap();
    let fixture = fixture("otel_logs.tables.tsv").remove(0);
    let mut fields = fixture.split('\t').skip(2);
    for clause in ["PARTITION BY ", "PRIMARY KEY ", "ORDER BY ", "TTL ", "SETTINGS "] {
        let wanted = fields.next().unwrap();
        assert!(clause == "PRIMARY KEY " || created.contains(wanted), "{clause}{wanted} is not in\n{created}");
    }
    assert!(created.contains("non_replicated_deduplication_window = 1000"), "{created}");
}
