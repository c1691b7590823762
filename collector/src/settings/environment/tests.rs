use super::*;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    let all = [(ENDPOINT, "tcp://ch:9000")].iter().chain(pairs);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn told(pairs: &[(&str, &str)]) -> Told {
    let told = gateway(&variables(pairs)).unwrap();
    let mut problems = told.config.problems();
    let receivers = &told.config.receivers;
    let open = receivers.otlp.auth.opamp.as_ref().and_then(|_| receivers.unlocked_fluent_problem());
    problems.retain(|problem| Some(problem) != open.as_ref());
    assert_eq!(problems, [], "what is accepted must work: {pairs:?}");
    told
}

/// What the variables make of one value of the configuration, as text.
fn value(pairs: &[(&str, &str)], pointer: &str) -> String {
    let config = serde_json::to_value(told(pairs).config).unwrap();
    config.pointer(pointer).map(ToString::to_string).unwrap_or_default().replace('"', "")
}

#[test]
fn every_variable_reaches_its_value() {
    for (name, text, pointer, wanted) in [
        ("HYPERDX_LOG_LEVEL", "debug", "/role", "gateway"),
        ("CLICKHOUSE_ENDPOINT", "https://ch:8443", "/clickhouse/endpoints/0", "https://ch:8443"),
        ("CLICKHOUSE_ENDPOINT", "tcp://ch:9000?dial_timeout=10s", "/clickhouse/endpoints/0", "http://ch:8123"),
        (OWN_ENDPOINT, "http://proxy:80", "/clickhouse/endpoints/0", "http://proxy:80"),
        ("HYPERDX_OTEL_EXPORTER_CLICKHOUSE_DATABASE", "otel", "/clickhouse/database", "otel"),
        ("HYPERDX_OTEL_EXPORTER_TABLES_TTL", "48h", "/clickhouse/retention/logs", "2d"),
        ("HYPERDX_OTEL_EXPORTER_TABLES_TTL", "7d", "/clickhouse/retention/sessions", "7d"),
        ("HYPERDX_OTEL_EXPORTER_LOGS_TTL", "90m", "/clickhouse/retention/logs", "90m"),
        ("HYPERDX_OTEL_EXPORTER_TRACES_TTL", "1h", "/clickhouse/retention/traces", "1h"),
        ("HYPERDX_OTEL_EXPORTER_METRICS_TTL", "1h", "/clickhouse/retention/metrics", "1h"),
        ("HYPERDX_OTEL_EXPORTER_SESSIONS_TTL", "1h", "/clickhouse/retention/sessions", "1h"),
        ("HYPERDX_OTEL_EXPORTER_LOGS_TTL", "1h", "/clickhouse/retention/traces", "30d"),
        ("HYPERDX_OTEL_EXPORTER_RECONCILE_TABLE_TTL", "true", "/clickhouse/schema/reconcileRetention", "true"),
        ("HYPERDX_OTEL_EXPORTER_TIMEOUT", "10s", "/clickhouse/timeout", "10s"),
        ("HYPERDX_OTEL_BATCH_SEND_BATCH_SIZE", "5000", "/blocks/maxRows", "5000"),
        ("HYPERDX_OTEL_BATCH_SEND_BATCH_SIZE", "9999999", "/blocks/maxRows", "1000000"),
        ("HYPERDX_OTEL_BATCH_SEND_BATCH_MAX_SIZE", "2000", "/blocks/maxRows", "2000"),
        ("HYPERDX_OTEL_BATCH_SEND_BATCH_MAX_SIZE", "0", "/blocks/maxRows", "100000"),
        ("HYPERDX_OTEL_BATCH_TIMEOUT", "200ms", "/blocks/maxAge", "200ms"),
        ("HYPERDX_OTEL_BATCH_TIMEOUT", "30s", "/blocks/maxAge", "5s"),
        ("HYPERDX_OTEL_BATCH_TIMEOUT", "0s", "/blocks/maxAge", "1ms"),
        ("ENABLE_PROMQL", "true", "/clickhouse/schema/promql", "true"),
        (NUMERIC_LEVELS, "true", "/transform/numericLevels", "true"),
        (NUMERIC_LEVELS, "false", "/transform", ""),
        ("ENABLE_PROMQL", "", "/clickhouse/schema/promql", "false"),
        ("OPAMP_SERVER_URL", "http://app:4320", "/receivers/fluentForward/address", "0.0.0.0:24225"),
        ("OPAMP_SERVER_URL", "", "/receivers/fluentForward", ""),
        ("SOMETHING_ELSE", "x", "/receivers/otlp/grpc", "0.0.0.0:4317"),
        ("HYPERDX_OTEL_EXPORTER_OF_TOMORROW", "x", "/admin/health", "0.0.0.0:13133"),
    ] {
        assert_eq!(value(&[(name, text)], pointer), wanted, "{name}={text}");
    }
}

#[test]
fn tls_is_for_endpoints_that_have_it() {
    let all = [
        ("CLICKHOUSE_TLS_CA_FILE", "/ca"),
        ("CLICKHOUSE_TLS_CERT_FILE", "/cert"),
        ("CLICKHOUSE_TLS_KEY_FILE", "/key"),
        ("CLICKHOUSE_TLS_SERVER_NAME_OVERRIDE", "ch.internal"),
    ];
    let https: Vec<_> = all.into_iter().chain([(ENDPOINT, "tcp://ch:9440")]).collect();
    assert_eq!(value(&https, "/clickhouse/tls/caFile"), "/ca");
    assert_eq!(value(&https, "/clickhouse/tls/certFile"), "/cert");
    assert_eq!(value(&https, "/clickhouse/tls/keyFile"), "/key");
    assert_eq!(value(&https, "/clickhouse/tls/serverName"), "ch.internal");
    let skipping: Vec<_> = https.into_iter().chain([("CLICKHOUSE_TLS_INSECURE_SKIP_VERIFY", "1")]).collect();
    assert_eq!(value(&skipping, "/clickhouse/tls/insecureSkipVerify"), "true");
    assert_eq!(value(&all, "/clickhouse/tls"), "");
    assert!(told(&all).warnings[0].contains("no effect"));
}

#[test]
fn a_hopeless_value_is_a_problem_that_names_its_variable() {
    for (name, text) in [
        (ENDPOINT, "ftp://ch"),
        (ENDPOINT, "tcp://ch:9100"),
        ("HYPERDX_OTEL_EXPORTER_TABLES_TTL", "0"),
        ("HYPERDX_OTEL_EXPORTER_LOGS_TTL", "soon"),
        ("HYPERDX_OTEL_EXPORTER_METRICS_TTL", "10ms"),
        ("HYPERDX_OTEL_EXPORTER_TIMEOUT", "0s"),
        ("HYPERDX_OTEL_EXPORTER_RECONCILE_TABLE_TTL", "maybe"),
        ("HYPERDX_OTEL_BATCH_SEND_BATCH_SIZE", "many"),
        ("HYPERDX_OTEL_BATCH_TIMEOUT", "5"),
        ("OIDC_AUDIENCE", "otel"),
        (OPAMP, "ws://app:4320"),
        (OPAMP, "http://app:4320/v1/opamp"),
        (OPAMP, "http://key:hunter2@app:4320"),
    ] {
        let problems = gateway(&variables(&[(name, text)])).unwrap_err();
        let wanted = if name == "OIDC_AUDIENCE" { "OIDC_ISSUER_URL" } else { name };
        assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), [wanted], "{text}");
    }
}

#[test]
fn what_is_not_supported_is_told_once_and_by_name() {
    let told = told(&[
        ("OTEL_AGENT_FEATURE_GATE_ARG", "--feature-gates=x"),
        ("ENABLE_PROMQL", "true"),
        ("HYPERDX_OTEL_EXPORTER_CLICKHOUSE_JSON_ENABLE", "true"),
        ("HYPERDX_OTEL_EXPORTER_CREATE_LEGACY_SCHEMA", "false"),
        ("HYPERDX_API_KEY", "secret"),
    ]);
    let names: Vec<_> = told.warnings.iter().filter_map(|warning| warning.split(':').next()).collect();
    assert_eq!(names, ["OTEL_AGENT_FEATURE_GATE_ARG", "ENABLE_PROMQL", "HYPERDX_OTEL_EXPORTER_CLICKHOUSE_JSON_ENABLE"]);
}

#[test]
fn secrets_stay_out_of_the_document_and_out_of_sight() {
    let variables = variables(&[("CLICKHOUSE_PASSWORD", "hunter2"), ("OTLP_AUTH_TOKEN", "s3cret")]);
    let told = gateway(&variables).unwrap();
    let login = login(&variables);
    assert!(matches!(&login.username, Some(Secret::Text(name)) if name == "default"));
    let token = token(&variables);
    assert!(matches!(&token, Some(Secret::Text(token)) if token == "s3cret"));
    let shown = format!("{told:?} {login:?} {token:?} {}", serde_json::to_string(&told.config).unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn oidc_goes_before_a_token() {
    let pairs = [("OIDC_ISSUER_URL", "https://id.example"), ("OIDC_AUDIENCE", "otel"), ("OTLP_AUTH_TOKEN", "s3cret")];
    assert_eq!(value(&pairs, "/receivers/otlp/auth/oidc/issuer"), "https://id.example");
    assert!(told(&pairs).warnings[0].starts_with("OTLP_AUTH_TOKEN"));
}

#[test]
fn an_opamp_server_goes_before_everything_else_that_says_who_may_send() {
    let pairs = [
        (OPAMP, "https://app.example/hyperdx/"),
        (OPAMP_STATE_FILE, "/data/opamp.json"),
        (OPAMP_CA_FILE, "/ca"),
        ("OIDC_ISSUER_URL", "https://id.example"),
        ("OTLP_AUTH_TOKEN", "s3cret"),
    ];
    let auth = |path: &str| value(&pairs, &format!("/receivers/otlp/auth/{path}"));
    assert_eq!(auth("opamp/endpoint"), "https://app.example/hyperdx/");
    assert_eq!(auth("opamp/interval"), "30s");
    assert_eq!(auth("opamp/stateFile"), "/data/opamp.json");
    assert_eq!(auth("opamp/tls/caFile"), "/ca");
    assert_eq!(auth("oidc"), "");
    let warnings = told(&pairs).warnings;
    assert!(warnings[0].starts_with("OIDC_ISSUER_URL") && warnings[1].starts_with("OTLP_AUTH_TOKEN"), "{warnings:?}");
    let open = [(OPAMP, "http://app:4320"), (OPAMP_SKIP_VERIFY, "true")];
    assert_eq!(value(&open, "/receivers/otlp/auth/opamp/tls"), "");
    assert!(told(&open).warnings[0].contains("use https://"));
}

#[test]
fn a_file_outdoes_what_configures_and_not_what_is_secret() {
    let variables = variables(&[("CLICKHOUSE_PASSWORD", "x"), ("HYPERDX_OTEL_BATCH_TIMEOUT", "1s"), ("HOME", "/")]);
    assert_eq!(outdone_by_a_file(&variables), [ENDPOINT, "HYPERDX_OTEL_BATCH_TIMEOUT"]);
}
