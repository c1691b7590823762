use serde_json::json;

use super::*;

/// In the form of HyperDX's API, with one more receiver that is not known here.
fn hyperdx(keys: &[&str], is_enforced: bool) -> Value {
    let mut protocols = json!({
        "grpc": { "endpoint": "0.0.0.0:4317", "include_metadata": true },
        "http": { "endpoint": "0.0.0.0:4318", "cors": { "allowed_origins": ["*"] }, "include_metadata": true },
    });
    let mut receivers = json!(["nop"]);
    let (mut extensions, mut running) = (json!({}), json!([]));
    if !keys.is_empty() {
        receivers = json!(["nop", "otlp/hyperdx"]);
        if is_enforced {
            let name = "bearertokenauth/hyperdx";
            extensions = json!({ name: { "scheme": "", "tokens": keys } });
            running = json!([name]);
            protocols["grpc"]["auth"] = json!({ "authenticator": name });
            protocols["http"]["auth"] = json!({ "authenticator": name });
        }
    }
    json!({
        "extensions": extensions,
        "receivers": { "nop": null, "otlp/hyperdx": { "protocols": protocols }, "fluentforward": { "endpoint": "x" } },
        "connectors": { "routing/logs": {} },
        "exporters": { "clickhouse": { "password": "${env:CLICKHOUSE_PASSWORD}" } },
        "service": {
            "extensions": running,
            "pipelines": {
                "traces": { "receivers": receivers, "exporters": ["clickhouse"] },
                "logs/in": { "receivers": ["fluentforward"], "exporters": ["routing/logs"] },
            },
        },
    })
}

fn read_value(document: &Value) -> Result<Reading, Refusal> {
    read(document.to_string().as_bytes())
}

fn admitted(document: &Value) -> Admission {
    read_value(document).unwrap().admission
}

#[test]
fn what_a_team_enforces_decides_who_may_send() {
    assert_eq!(admitted(&hyperdx(&[], false)), Admission::Nobody, "nobody has signed up");
    assert_eq!(admitted(&hyperdx(&[], true)), Admission::Nobody);
    assert_eq!(admitted(&hyperdx(&["key-1"], false)), Admission::Everybody);
    let Admission::Holders(digests) = admitted(&hyperdx(&["key-1", "key-2"], true)) else { panic!("it is enforced") };
    assert!(digests.knows(b"key-1") && digests.knows(b"key-2") && !digests.knows(b"key-3"));
}

#[test]
fn what_is_not_looked_at_is_named() {
    let ignored = read_value(&hyperdx(&["key-1"], true)).unwrap().ignored;
    assert_eq!(ignored, ["connectors", "exporters", "receivers.fluentforward"]);
    let mut document = hyperdx(&["key-1"], true);
    document["service"]["telemetry"] = json!({});
    document["extensions"]["bearertokenauth/datadog"] = json!({ "header": "DD-API-KEY", "tokens": ["key-1"] });
    for number in 0..100 {
        document["receivers"][format!("{number}{}", "x".repeat(100))] = json!({});
    }
    let ignored = read_value(&document).unwrap().ignored;
    assert_eq!(ignored.len(), MOST_NAMES);
    assert!(ignored.iter().all(|name| name.len() <= LONGEST_NAME + "extensions.".len()), "{ignored:?}");
    assert!(ignored.contains(&"extensions.bearertokenauth/datadog".to_owned()), "{ignored:?}");
}

#[test]
fn one_token_alone_and_the_usual_scheme_and_header_are_taken_too() {
    let mut document = hyperdx(&["key-1"], true);
    document["extensions"]["bearertokenauth/hyperdx"] =
        json!({ "token": "key-2", "scheme": "Bearer", "header": "authorization" });
    let Admission::Holders(digests) = admitted(&document) else { panic!("it is enforced") };
    assert!(digests.knows(b"key-2"));
}

/// A document with a value changed at a place.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = hyperdx(&["sesame"], true);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key.replace("~1", "/")] = value;
    document
}

#[test]
fn what_cannot_be_honoured_is_refused_and_shows_no_token() {
    let extension = "/extensions/bearertokenauth~1hyperdx";
    let http = "/receivers/otlp~1hyperdx/protocols/http";
    for (document, wanted) in [
        (with("/service/pipelines", Value::Null), "service.pipelines is missing"),
        (with("/service/pipelines/traces", json!({})), "service.pipelines.traces.receivers"),
        (with("/receivers/otlp~1hyperdx", json!(null)), "receivers.otlp/hyperdx.protocols"),
        (with("/receivers/otlp~1hyperdx/protocols", json!({})), "receivers.otlp/hyperdx.protocols"),
        (with(&format!("{http}/auth"), Value::Null), "different authenticators"),
        (with(&format!("{http}/auth"), json!("sesame")), "receivers.otlp/hyperdx.protocols.http.auth"),
        (with(&format!("{http}/auth/authenticator"), json!("oidc/x")), "different authenticators"),
        (with(extension, Value::Null), "extensions.bearertokenauth/hyperdx is missing"),
        (with(&format!("{extension}/scheme"), json!("Basic")), "extensions.bearertokenauth/hyperdx asks"),
        (with(&format!("{extension}/header"), json!("x-key")), "extensions.bearertokenauth/hyperdx asks"),
        (with(&format!("{extension}/filename"), json!("/tokens")), "extensions.bearertokenauth/hyperdx asks"),
        (with(&format!("{extension}/tokens"), json!("sesame")), "extensions.bearertokenauth/hyperdx is missing"),
        (with(&format!("{extension}/tokens"), json!(["sesame", 7])), "extensions.bearertokenauth/hyperdx is missing"),
        (with(&format!("{extension}/tokens"), json!([])), "holds no token"),
        (with(&format!("{extension}/tokens"), json!([" "])), "holds no token"),
        (with(&format!("{extension}/tokens"), json!(["${env:KEY}"])), "extensions.bearertokenauth/hyperdx asks"),
        (with(&format!("{extension}/tokens"), json!(vec!["sesame"; MOST + 1])), "more than 1000 tokens"),
        (json!("sesame"), "service.pipelines is missing"),
    ] {
        let refusal = read_value(&document).unwrap_err().to_string();
        assert!(refusal.contains(wanted) && !refusal.contains("sesame"), "{refusal}");
    }
    let refusal = read(b"{\n\"tokens\": sesame").unwrap_err();
    assert_eq!(refusal, Refusal::Json(2));
    assert!(!refusal.to_string().contains("sesame"));
}

#[test]
fn an_authenticator_that_is_not_of_tokens_is_refused() {
    let mut document = hyperdx(&["key-1"], true);
    for protocol in ["grpc", "http"] {
        document["receivers"]["otlp/hyperdx"]["protocols"][protocol]["auth"] = json!({ "authenticator": "oidc/x" });
    }
    assert_eq!(read_value(&document), Err(Refusal::Authenticator("oidc/x".into())));
}
