//! Where our rows differ from those of the OpenTelemetry Collector on purpose, and why.

/// One column of one record.
#[derive(Debug)]
#[expect(dead_code, reason = "the reason is for whoever reads the table, or a failure")]
pub struct Difference {
    pub table: &'static str,
    pub scope: &'static str,
    pub column: &'static str,
    pub ours: &'static str,
    pub theirs: &'static str,
    pub reason: &'static str,
}

const NOT_JSON: &str = "theirs is the error of a JSON library, for a number JSON cannot write";
const HTML: &str = "theirs hides <, > and & as for a web page, as later versions of theirs no longer do";
const UNICODE: &str = "theirs knows no lower case of more than one letter; no severity is spelled so";
const NOT_UTF8: &str = "JSON is UTF-8: what is not is U+FFFD in ours; theirs keeps the bytes";
const ESCAPED: &str = "U+FFFD for what is not UTF-8 in both; theirs writes an escape for each byte";

const fn in_logs(
    scope: &'static str,
    column: &'static str,
    ours: &'static str,
    theirs: &'static str,
    reason: &'static str,
) -> Difference {
    Difference { table: "otel_logs", scope, column, ours, theirs, reason }
}

/// All kinds of values are written by the same code whatever table they are for: one place for each is enough.
pub const INTENDED: &[Difference] = &[
    in_logs("body double.nan", "Body", "NaN", "json: unsupported value: NaN", NOT_JSON),
    in_logs("body double.infinite", "Body", "Infinity", "json: unsupported value: +Inf", NOT_JSON),
    in_logs("body double.minus.infinite", "Body", "-Infinity", "json: unsupported value: -Inf", NOT_JSON),
    in_logs(
        "attributes that differ",
        "LogAttributes",
        "{'double.infinite':'Infinity','double.minus.infinite':'-Infinity','double.nan':'NaN','map.html.a':'<&>'}",
        "{'double.infinite':'json: unsupported value: +Inf','double.minus.infinite':'json: unsupported value: -Inf',\
         'double.nan':'json: unsupported value: NaN','map.html.a':'<&>'}",
        NOT_JSON,
    ),
    in_logs("body map.html", "Body", r#"{"a":"<&>"}"#, r#"{"a":"\u003c\u0026\u003e"}"#, HTML),
    in_logs("a text beyond ASCII", "SeverityText", "\u{e4}rger i\u{307}", "\u{e4}rger i", UNICODE),
    in_logs(
        "not UTF-8 0 in JSON",
        "LogAttributes",
        "{'a':'W\u{fffd}\u{fffd}\u{fffd}ARN','b':'1'}",
        "not UTF-8: 7B2761273A2757FFFE8041524E272C2762273A2731277D",
        NOT_UTF8,
    ),
    in_logs(
        "not UTF-8 0 in a map",
        "Body",
        "{\"W\u{fffd}\u{fffd}\u{fffd}ARN\":\"b\",\"a\":\"W\u{fffd}\u{fffd}\u{fffd}ARN\"}",
        "{\"W\\ufffd\\ufffd\\ufffdARN\":\"b\",\"a\":\"W\\ufffd\\ufffd\\ufffdARN\"}",
        ESCAPED,
    ),
    in_logs(
        "not UTF-8 1 in JSON",
        "LogAttributes",
        "{'a':'Wa\u{fffd}\u{fffd}ARN','b':'1'}",
        "not UTF-8: 7B2761273A275761E28241524E272C2762273A2731277D",
        NOT_UTF8,
    ),
    in_logs(
        "not UTF-8 1 in a map",
        "Body",
        "{\"Wa\u{fffd}ARN\":\"b\",\"a\":\"Wa\u{fffd}ARN\"}",
        "{\"Wa\\ufffd\\ufffdARN\":\"b\",\"a\":\"Wa\\ufffd\\ufffdARN\"}",
        ESCAPED,
    ),
    in_logs(
        "not UTF-8 2 in JSON",
        "LogAttributes",
        "{'a':'W\u{fffd}\u{fffd}\u{fffd}ARN','b':'1'}",
        "not UTF-8: 7B2761273A2757EDA08041524E272C2762273A2731277D",
        NOT_UTF8,
    ),
    in_logs(
        "not UTF-8 2 in a map",
        "Body",
        "{\"W\u{fffd}\u{fffd}\u{fffd}ARN\":\"b\",\"a\":\"W\u{fffd}\u{fffd}\u{fffd}ARN\"}",
        "{\"W\\ufffd\\ufffd\\ufffdARN\":\"b\",\"a\":\"W\\ufffd\\ufffd\\ufffdARN\"}",
        ESCAPED,
    ),
    in_logs(
        "not UTF-8 3 in JSON",
        "LogAttributes",
        "{'a':'W\u{fffd}\u{fffd}bARN','b':'1'}",
        "not UTF-8: 7B2761273A2757C0806241524E272C2762273A2731277D",
        NOT_UTF8,
    ),
    in_logs(
        "not UTF-8 3 in a map",
        "Body",
        "{\"W\u{fffd}\u{fffd}bARN\":\"b\",\"a\":\"W\u{fffd}\u{fffd}bARN\"}",
        "{\"W\\ufffd\\ufffdbARN\":\"b\",\"a\":\"W\\ufffd\\ufffdbARN\"}",
        ESCAPED,
    ),
];
