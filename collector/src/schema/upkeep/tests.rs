use crds::{config, quantity::Duration};

use super::*;

fn site(config: config::Schema) -> Site {
    Site { database: "otel".to_owned(), config, retention: config::Retention::of(Duration::seconds(7 * 86_400)) }
}

fn table(name: &str, engine: &str, settings: &str) -> Existing {
    let create = format!(
        "CREATE TABLE otel.{name} (`Timestamp` DateTime) ENGINE = {engine} ORDER BY Timestamp \
         TTL Timestamp + toIntervalDay(30) SETTINGS index_granularity = 8192{settings}"
    );
    Existing { name: name.to_owned(), engine: engine.to_owned(), create }
}

fn statements(table: &Existing, default_window: &str, config: config::Schema) -> Vec<String> {
    let steps = steps(table, default_window, &site(config)).into_iter();
    steps
        .map(|step| match step {
            Step::Alter { sql, .. } => sql,
            Step::Leave { why, .. } => panic!("{why}"),
        })
        .collect()
}

#[test]
fn a_table_that_forgets_blocks_is_given_a_window_and_nothing_else() {
    for (table, is_given) in [
        (table("otel_logs", "MergeTree", ""), true),
        (table("otel_logs_kv_rollup_15m", "SummingMergeTree", ""), true),
        (table("otel_logs", "MergeTree", ", non_replicated_deduplication_window = 0, a = 1"), true),
        (table("otel_logs", "MergeTree", ", non_replicated_deduplication_window = 5, a = 1"), false),
        (table("otel_logs", "ReplicatedMergeTree", ""), false),
        (table("otel_logs", "SharedMergeTree", ""), false),
        (table("otel_logs_backup", "MergeTree", ""), false),
    ] {
        let alter =
            format!("ALTER TABLE `otel`.`{}` MODIFY SETTING non_replicated_deduplication_window = 1000", table.name);
        let wanted = if is_given { vec![alter] } else { vec![] };
        assert_eq!(statements(&table, "0", config::Schema::default()), wanted, "{table:?}");
    }
    let table = table("otel_logs", "MergeTree", "");
    assert_eq!(statements(&table, "100", config::Schema::default()), [""; 0], "the server remembers 100 by default");
}

#[test]
fn a_window_of_0_leaves_tables_as_they_are() {
    let config = config::Schema { deduplication_window: Some(0), ..config::Schema::default() };
    assert_eq!(statements(&table("otel_logs", "MergeTree", ""), "0", config), [""; 0]);
}

#[test]
fn retention_is_changed_only_when_asked_for() {
    let window = ", non_replicated_deduplication_window = 5";
    let asked =
        config::Schema { reconcile_retention: true, cluster: Some("main".to_owned()), ..config::Schema::default() };
    assert_eq!(
        statements(&table("otel_logs", "MergeTree", window), "0", asked),
        ["ALTER TABLE `otel`.`otel_logs` ON CLUSTER 'main' MODIFY TTL Timestamp + toIntervalDay(7) \
          SETTINGS materialize_ttl_after_modify = 0"]
    );
    assert_eq!(statements(&table("otel_logs", "MergeTree", window), "0", config::Schema::default()), [""; 0]);
}
