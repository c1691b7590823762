//! Log records of every kind the transform and the columns tell apart, and parts of session replays.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;

use super::Request;
use super::values::{
    attributes, duplicates, every_kind, full_scope, list, map, now, pair, resources, scope, shop, string, text,
    texts_not_utf8, that_differ, value, without_utf8,
};

type Named = (String, LogRecord);

pub fn request() -> Request {
    let mut records = Vec::new();
    records.extend(fields());
    records.extend(bodies());
    records.extend(json_bodies());
    records.extend(levels());
    records.extend(words());
    records.extend(not_utf8());
    let mut logs: Vec<ResourceLogs> = vec![of_shop(records)];
    for (name, resource) in resources() {
        let scope_logs = vec![ScopeLogs { scope: scope(name), log_records: vec![record()], ..Default::default() }];
        logs.push(ResourceLogs { resource, scope_logs, ..Default::default() });
    }
    let full = ScopeLogs { scope: full_scope("full"), log_records: vec![record()], schema_url: "https://scope".into() };
    let bare = ScopeLogs { scope: None, log_records: vec![record()], ..Default::default() };
    let empty = ScopeLogs { scope: scope("no records"), ..Default::default() };
    let schema_url = "https://resource".into();
    logs.push(ResourceLogs { resource: shop(), scope_logs: vec![full, bare, empty], schema_url });
    logs.push(ResourceLogs::default());
    encoded(logs, "otel_logs")
}

/// Replays are told by an attribute of any kind, are not transformed, and may share a scope with other records.
pub fn sessions() -> Request {
    let replay = |name: &str, marker: AnyValue, change: fn(&mut LogRecord)| {
        let mut record = LogRecord { attributes: vec![pair("rr-web.event", marker)], ..record() };
        change(&mut record);
        (name.to_owned(), record)
    };
    let one = || value(Value::IntValue(1));
    let records = vec![
        replay("marked by a number", one(), |_| {}),
        replay("marked by a text", string("x"), |_| {}),
        replay("marked by an empty text", string(""), |_| {}),
        replay("marked by a bool", value(Value::BoolValue(false)), |_| {}),
        replay("marked by a map", map(vec![text("a", "b")]), |_| {}),
        replay("a replay's body stays", one(), |record| record.body = Some(string(r#"{"level":"error","a":{"b":1}}"#))),
        replay("a replay's severity stays", one(), |record| record.severity_text = "WARN".into()),
        replay("a replay's attributes stay", one(), |record| record.attributes.extend(attributes())),
        replay("a replay's event name is not stored", one(), |record| record.event_name = "click".into()),
    ];
    encoded(vec![of_shop(records)], "hyperdx_sessions")
}

fn of_shop(records: Vec<Named>) -> ResourceLogs {
    let one =
        |(name, record): Named| ScopeLogs { scope: scope(&name), log_records: vec![record], ..Default::default() };
    ResourceLogs { resource: shop(), scope_logs: records.into_iter().map(one).collect(), ..Default::default() }
}

fn encoded(resource_logs: Vec<ResourceLogs>, table: &'static str) -> Request {
    let scopes = resource_logs.iter().flat_map(|resource| &resource.scope_logs);
    let rows = scopes.map(|scope| scope.log_records.len()).sum();
    let body = without_utf8(ExportLogsServiceRequest { resource_logs }.encode_to_vec()).into();
    Request { path: "/v1/logs", body, rows: vec![(table, rows)] }
}

fn record() -> LogRecord {
    LogRecord { time_unix_nano: now(), ..Default::default() }
}

fn with(name: &str, change: impl FnOnce(&mut LogRecord)) -> Named {
    let mut record = LogRecord { severity_number: 9, severity_text: "info".into(), ..record() };
    change(&mut record);
    (name.to_owned(), record)
}

fn fields() -> Vec<Named> {
    let severity = |name: &str, number: i32, text: &str| {
        with(name, |record| (record.severity_number, record.severity_text) = (number, text.to_owned()))
    };
    vec![
        with("ids", |record| {
            record.trace_id = (0..16).collect();
            record.span_id = vec![0xab; 8];
        }),
        with("ids of zeros", |record| (record.trace_id, record.span_id) = (vec![0; 16], vec![0; 8])),
        with("flags beyond a byte", |record| record.flags = 0xffff_ff03),
        with("only an observed time", |record| {
            (record.time_unix_nano, record.observed_time_unix_nano) = (0, now() + 5);
        }),
        with("both times", |record| record.observed_time_unix_nano = now() + 5),
        with("no time", |record| record.time_unix_nano = 0),
        with("event name", |record| record.event_name = "order.placed".into()),
        with("dropped attributes", |record| record.dropped_attributes_count = 4),
        with("attributes of every kind", |record| record.attributes = attributes()),
        with("attributes that differ", |record| {
            record.attributes = that_differ().into_iter().map(|(key, value)| pair(key, value)).collect();
        }),
        with("attributes twice", |record| record.attributes = duplicates()),
        with("an empty key", |record| record.attributes = vec![text("", "nothing")]),
        with("flattened keys collide", |record| {
            record.attributes = vec![text("a.b", "flat"), pair("a", map(vec![text("b", "nested")]))];
        }),
        with("flattened keys collide the other way", |record| {
            record.attributes = vec![pair("a", map(vec![text("b", "nested")])), text("a.b", "flat")];
        }),
        with("deep", |record| {
            let deep = map(vec![pair("b", list(vec![map(vec![text("c", "d")]), list(vec![string("e")])]))]);
            record.attributes = vec![pair("a", deep)];
        }),
        severity("severity is kept", 13, "Warning"),
        severity("only a number", 17, ""),
        severity("only a text", 0, "NOTICE"),
        severity("the highest severity", 24, "FATAL4"),
        severity("a severity nobody knows", 99, "x"),
        severity("a text beyond ASCII", 9, "\u{c4}RGER \u{130}"),
    ]
}

fn bodies() -> Vec<Named> {
    every_kind()
        .into_iter()
        .chain(that_differ())
        .map(|(kind, value)| with(&format!("body {kind}"), |record| record.body = Some(value)))
        .collect()
}

fn json_bodies() -> Vec<Named> {
    let bodies = [
        ("object", r#"{"a":1,"b":{"c":"d","e":[1,"x",{"f":true}]},"g":null,"h":[],"i":{}}"#),
        (
            "numbers",
            r#"{"i":12345,"big":12345678901234567890,"exact":9007199254740993,"f":1.50,"e":1e3,"n":-0,"s":1e-7}"#,
        ),
        ("escapes", r#"{"a\u0041":"\u00e9\n\"\\\/ \ud83d\ude00","lone":"\ud800x"}"#),
        ("leading text", r#"INFO request done {"a":"b"}"#),
        ("trailing text", r#"{"a":"b"} and more"#),
        ("wrapped", r#"<<{"a":"b"}>>"#),
        ("two objects", r#"{"a":"b"} {"c":"d"}"#),
        ("on several lines", "{\n\"a\":\"b\"\n}"),
        ("on the second line", "first\n{\"a\":\"b\"}\nthird {\"c\":\"d\"}"),
        ("broken", r#"{"a":"b",}"#),
        ("unfinished", r#"{"a":"b""#),
        ("not JSON", "{not json}"),
        ("in a list", r#"[{"a":"b"}]"#),
        ("list of numbers", "[1,2,3]"),
        ("key twice", r#"{"a":"first","a":"second"}"#),
        ("empty", "{}"),
        ("empty key", r#"{"":"x"}"#),
        // Not keys that become equal when they are flattened: which of them stays is chance in theirs.
        ("dots", r#"{"a.b":"flat","a":{"c":"nested"}}"#),
        ("white space", "  { \"a\" : \"b\" }  "),
        ("deeply nested", r#"{"a":{"b":{"c":{"d":{"e":[[["x"]]]}}}}}"#),
        ("bools", r#"{"t":true,"f":false}"#),
    ];
    let mut all: Vec<Named> = bodies
        .iter()
        .map(|(name, body)| with(&format!("JSON {name}"), |record| record.body = Some(string(body))))
        .collect();
    all.push(with("JSON over attributes", |record| {
        record.body = Some(string(r#"{"b":"from body","n":{"x":1}}"#));
        record.attributes = vec![text("b", "from record"), text("n.x", "flat"), text("z", "stays")];
    }));
    all.push(with("JSON over attributes of every kind", |record| {
        record.body = Some(string(r#"{"int":"from body","map":"from body"}"#));
        record.attributes = attributes();
    }));
    all.push(with("map over attributes", |record| {
        record.body =
            Some(map(vec![text("b", "from body"), pair("n", map(vec![text("x", "nested")])), text("b", "again")]));
        record.attributes = vec![text("b", "from record"), text("n.x", "flat")];
    }));
    all
}

/// Records without severity: the first attribute of a list of names that is a text.
fn levels() -> Vec<Named> {
    let mut all = Vec::new();
    for key in ["level", "Level", "LEVEL", "severity", "Severity", "SEVERITY", "log.level", "loglevel"] {
        all.push((format!("level in {key}"), LogRecord { attributes: vec![text(key, "Error")], ..record() }));
    }
    for level in [
        "Alert",
        "CRITICAL",
        "emergency",
        "Fatal",
        "ERR",
        "Warning",
        "notice",
        "Information",
        "DEBUG",
        "dbug",
        "trace",
        "verbose",
        "error and info",
        "debug warn",
        "trace fatal",
        "infowarn",
    ] {
        all.push((format!("level {level}"), LogRecord { attributes: vec![text("level", level)], ..record() }));
    }
    let attributes = [
        ("an empty level and another", vec![text("level", ""), text("severity", "warn")]),
        ("a number and a text", vec![pair("level", value(Value::IntValue(50))), text("severity", "warn")]),
        ("only a number for a level", vec![pair("level", value(Value::IntValue(50)))]),
        ("two levels", vec![text("severity", "warn"), text("level", "debug")]),
        ("a nested level", vec![pair("log", map(vec![text("level", "warn")]))]),
    ];
    all.extend(attributes.map(|(name, attributes)| (name.to_owned(), LogRecord { attributes, ..record() })));
    let bodies = [
        ("a level in JSON", r#"{"level":"warn","msg":"x"}"#),
        ("a number for a level in JSON", r#"{"level":50,"msg":"an error"}"#),
        ("a level in nested JSON", r#"{"log":{"level":"debug"}}"#),
    ];
    all.extend(bodies.map(|(name, body)| (name.to_owned(), LogRecord { body: Some(string(body)), ..record() })));
    all
}

/// Records without severity or level: a word of the body.
fn words() -> Vec<Named> {
    let late = format!("{} error", "x".repeat(260));
    let cut = format!("{} error", "x".repeat(252));
    let just = format!("{} error", "x".repeat(250));
    let wide = format!("{}\u{e4} error", "\u{e4}".repeat(126));
    let bodies = [
        "an ERROR occurred",
        "WARNING: low",
        "ERRORS",
        "TRACED",
        "Forewarn of it",
        "backtraced",
        "COuECrITmh",
        "info only",
        "nothing to see",
        "debug then error",
        "critical mass",
        "emergency exit",
        "an alert",
        "dbug",
        "notice me",
        "_error",
        "-error",
        "1error",
        "\u{e4}error",
        "error\nwarn",
        "x=fatal",
        "",
        late.as_str(),
        cut.as_str(),
        just.as_str(),
        wide.as_str(),
    ];
    let mut all: Vec<Named> = bodies
        .iter()
        .enumerate()
        .map(|(place, body)| (format!("word {place:02}"), LogRecord { body: Some(string(body)), ..record() }))
        .collect();
    let kinds = [
        ("word in a map", map(vec![text("a", "an error")])),
        ("word in a list", list(vec![string("x"), string("warn")])),
        ("no word in a number", value(Value::IntValue(5))),
    ];
    all.extend(kinds.map(|(name, body)| (name.to_owned(), LogRecord { body: Some(body), ..record() })));
    all
}

/// Wherever a text can stand.
fn not_utf8() -> Vec<Named> {
    let mut all = Vec::new();
    for (place, wrong) in texts_not_utf8() {
        all.push(with(&format!("not UTF-8 {place} in the body"), |record| record.body = Some(string(&wrong))));
        all.push(with(&format!("not UTF-8 {place} in a value"), |record| record.attributes = vec![text("a", &wrong)]));
        all.push(with(&format!("not UTF-8 {place} in a key"), |record| record.attributes = vec![text(&wrong, "a")]));
        all.push(with(&format!("not UTF-8 {place} in a severity"), |record| record.severity_text = wrong.clone()));
        all.push(with(&format!("not UTF-8 {place} in a name"), |record| record.event_name = wrong.clone()));
        let body = map(vec![text("a", &wrong), text(&wrong, "b")]);
        all.push(with(&format!("not UTF-8 {place} in a map"), |record| record.body = Some(body)));
        let json = format!(r#"{{"a":"{wrong}","b":1}}"#);
        all.push(with(&format!("not UTF-8 {place} in JSON"), |record| record.body = Some(string(&json))));
        let level = LogRecord { attributes: vec![text("level", &wrong)], ..record() };
        all.push((format!("not UTF-8 {place} in a level"), level));
        let words = LogRecord { body: Some(string(&format!("{wrong} error"))), ..record() };
        all.push((format!("not UTF-8 {place} before a word"), words));
    }
    all
}
