use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn create(ttl: &str) -> String {
    format!(
        "CREATE TABLE otel.otel_logs (`Timestamp` DateTime64(9), `Body` String TTL toDate(Timestamp) + toIntervalDay(1), \
         `a TTL b` String DEFAULT ' TTL (') ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY Timestamp{ttl} \
         SETTINGS index_granularity = 8192 COMMENT 'x TTL y + toIntervalDay(1)'"
    )
}

#[test]
fn an_interval_is_written_in_the_largest_exact_unit() {
    for (seconds, sql) in [
        (2_592_000, "toIntervalDay(30)"),
        (7_200, "toIntervalHour(2)"),
        (90, "toIntervalSecond(90)"),
        (60, "toIntervalMinute(1)"),
    ] {
        assert_eq!(interval(Duration::from_secs(seconds)), sql);
    }
}

#[test]
fn a_plain_rule_is_rewritten_around_its_anchor() {
    for (present, anchor) in [
        ("toDateTime(Timestamp) + toIntervalDay(30)", "toDateTime(Timestamp)"),
        ("toDate(Timestamp) + toIntervalHour(720)", "toDate(Timestamp)"),
        ("TimestampTime + toIntervalWeek(9)", "TimestampTime"),
        ("`Time, stamp` + toIntervalSecond(1)", "`Time, stamp`"),
    ] {
        let rule = format!("{anchor} + toIntervalDay(7)");
        let is_longer = present.contains("(1)");
        assert_eq!(change(&create(&format!(" TTL {present}")), 7 * DAY), Change::Rule { rule, is_longer }, "{present}");
    }
}

#[test]
fn the_same_time_in_another_unit_is_no_change() {
    for present in ["toIntervalDay(7)", "toIntervalWeek(1)", "toIntervalHour(168)", "toIntervalSecond(604800)"] {
        assert_eq!(change(&create(&format!(" TTL toDateTime(Timestamp) + {present}")), 7 * DAY), Change::Nothing);
    }
}

#[test]
fn a_rule_somebody_has_thought_about_is_left_alone() {
    for ttl in [
        "",
        " TTL Timestamp + toIntervalMonth(1)",
        " TTL Timestamp + toIntervalDay(30) TO VOLUME 'cold'",
        " TTL Timestamp + toIntervalDay(7), Timestamp + toIntervalDay(30)",
        " TTL Timestamp + toIntervalDay(7) TO DISK 'slow', Timestamp + toIntervalDay(30)",
        " TTL Timestamp + toIntervalDay(30) RECOMPRESS CODEC(ZSTD(17))",
        " TTL Timestamp + toIntervalDay(30) WHERE ServiceName = 'a'",
        " TTL Timestamp + toIntervalDay(30) GROUP BY Timestamp SET Body = max(Body)",
        " TTL (Timestamp + toIntervalDay(1)) + toIntervalDay(30) + toIntervalDay(1)",
        " TTL Timestamp + toIntervalDay(Days)",
        " TTL Timestamp",
    ] {
        assert_eq!(change(&create(ttl), 7 * DAY), Change::Foreign, "{ttl}");
    }
}

#[test]
fn only_tables_of_the_contract_and_rollups_are_managed() {
    let retention = Retention::default();
    for (name, is_managed) in [
        ("otel_logs", true),
        ("hyperdx_sessions", true),
        ("otel_metrics_exponential_histogram", true),
        ("otel_logs_kv_rollup_15m", true),
        ("otel_traces_key_rollup_15m", true),
        ("otel_logs_rollup_1h", true),
        ("otel_logs_kv_rollup_15", false),
        ("otel_logs_kv_rollup_m", false),
        ("otel_logs_KV_rollup_15m", false),
        ("otel_logs_kv_rollup_15m_old", false),
        ("otel_metrics_kv_rollup_15m", false),
        ("otel_metrics_other", false),
        ("otel_logs_backup", false),
        ("otel_logs_attr_kv_rollup_15m_mv", false),
    ] {
        assert_eq!(retention_of(name, &retention).is_some(), is_managed, "{name}");
    }
}
