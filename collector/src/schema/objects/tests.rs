use super::*;

fn site(config: config::Schema) -> Site {
    Site { database: "otel".to_owned(), config, retention: Retention::default() }
}

fn sql(name: &str, config: &config::Schema, has_text_indexes: bool) -> String {
    let all = objects(config);
    all.iter().find(|object| object.name == name).unwrap().sql(&site(config.clone()), has_text_indexes)
}

#[test]
fn text_indexes_are_used_from_26_2_on() {
    for (version, is_new) in
        [("26.7.3.1", true), ("26.2.1", true), ("26.1.9", false), ("25.12", false), ("27.1", true), ("", false)]
    {
        assert_eq!(has_text_indexes(version), is_new, "{version}");
    }
}

#[test]
fn nothing_of_the_notation_is_left_in_a_statement() {
    let config = config::Schema { promql: true, ..config::Schema::default() };
    for object in objects(&config) {
        for has_text_indexes in [true, false] {
            let sql = object.sql(&site(config.clone()), has_text_indexes);
            assert!(!sql.contains("/*") && !sql.contains(['{', '}']), "{sql}");
            assert!(sql.contains("IF NOT EXISTS `otel`"), "{sql}");
        }
    }
}

#[test]
fn a_line_is_for_the_objects_it_names() {
    assert_eq!(for_words("    `Value` Float64,", &["sum"]), Some("    `Value` Float64,"));
    assert_eq!(for_words("    /* only gauge sum */ `Value` Float64,", &["sum", "bloom"]), Some("`Value` Float64,"));
    assert_eq!(for_words("    /* only gauge sum */ `Value` Float64,", &["summary", "bloom"]), None);
}

#[test]
fn every_statement_names_the_cluster() {
    let config = config::Schema { cluster: Some("{cluster}".to_owned()), promql: true, ..config::Schema::default() };
    for object in objects(&config) {
        let sql = object.sql(&site(config.clone()), true);
        let first = sql.lines().find(|line| line.starts_with("CREATE ")).unwrap();
        assert!(first.contains(" ON CLUSTER '{cluster}'"), "{sql}");
    }
}

#[test]
fn rollups_get_the_summing_kind_of_the_engine() {
    let arguments = "('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')";
    for (engine, summing) in [
        ("MergeTree".to_owned(), "SummingMergeTree".to_owned()),
        ("SharedMergeTree".to_owned(), "SharedSummingMergeTree".to_owned()),
        (format!("ReplicatedMergeTree{arguments}"), format!("ReplicatedSummingMergeTree{arguments}")),
    ] {
        let config = config::Schema { engine: engine.clone(), ..config::Schema::default() };
        let has_line = |name, engine| sql(name, &config, true).lines().any(|line| line == format!("ENGINE = {engine}"));
        assert!(has_line("otel_logs", &engine), "{engine}");
        assert!(has_line("otel_logs_kv_rollup_15m", &summing), "{summing}");
    }
}

#[test]
fn the_window_is_set_by_the_setting_of_the_engine() {
    let plain = "non_replicated_deduplication_window";
    for (engine, window, wanted) in [
        ("MergeTree", None, Some(format!(", {plain} = 1000"))),
        ("MergeTree", Some(7), Some(format!(", {plain} = 7"))),
        ("MergeTree", Some(0), None),
        ("ReplicatedMergeTree", None, None),
        ("ReplicatedMergeTree", Some(7), Some(", replicated_deduplication_window = 7".to_owned())),
        ("SharedMergeTree", Some(7), Some(", replicated_deduplication_window = 7".to_owned())),
    ] {
        let config =
            config::Schema { engine: engine.to_owned(), deduplication_window: window, ..config::Schema::default() };
        for name in ["otel_logs", "otel_metrics_sum", "otel_traces_kv_rollup_15m"] {
            let sql = sql(name, &config, true);
            match &wanted {
                Some(wanted) => assert!(sql.contains(wanted), "{engine} {sql}"),
                None => assert!(!sql.contains("deduplication_window"), "{engine} {sql}"),
            }
        }
    }
}

#[test]
fn each_table_is_kept_as_long_as_its_signal() {
    let seconds = crds::quantity::Duration::seconds;
    let retention = Retention {
        logs: seconds(86_400),
        traces: seconds(2 * 86_400),
        metrics: seconds(3 * 86_400),
        sessions: seconds(4 * 86_400),
    };
    let site = Site { retention, ..site(config::Schema::default()) };
    for object in objects(&site.config) {
        let days = match object.name {
            "otel_logs" | "otel_logs_kv_rollup_15m" => 1,
            "otel_traces" | "otel_traces_kv_rollup_15m" => 2,
            "hyperdx_sessions" => 4,
            name if name.starts_with("otel_metrics_") => 3,
            _ => continue,
        };
        let sql = object.sql(&site, true);
        assert!(sql.contains(&format!(" + toIntervalDay({days})\n")), "{sql}");
    }
}
