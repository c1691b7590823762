use super::*;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const HERE: (&str, &str) = ("CLICKHOUSE_ENDPOINT", "tcp://ch:9000");

#[test]
fn the_variables_alone_make_a_gateway_with_every_port_of_the_existing_image() {
    let settings = Settings::load(&[], &variables(&[HERE])).unwrap();
    let (otlp, admin) = (&settings.config.receivers.otlp, &settings.config.admin);
    let ports = [otlp.grpc, otlp.http, admin.metrics, admin.health].map(|address| address.port());
    assert_eq!(ports, [4317, 4318, 8888, 13133]);
    assert!(settings.warnings.is_empty() && settings.log_filter == "info");
}

#[test]
fn files_of_another_collector_or_none_give_way_to_the_variables() {
    let dir = tempfile::tempdir().unwrap();
    let relay = dir.path().join("relay.yaml");
    fs::write(&relay, "receivers:\n  otlp: {}\nservice:\n  pipelines: {}\n").unwrap();
    let nowhere = PathBuf::from("/nowhere/relay.yaml");
    for (files, warnings) in [
        (vec![nowhere.clone()], 1),
        (vec![relay.clone()], 1),
        (vec![nowhere, relay], 2),
        (vec!["yaml:receivers::otlp:".into(), "env:RELAY".into()], 2),
    ] {
        let settings = Settings::load(&files, &variables(&[HERE])).unwrap();
        assert_eq!(settings.warnings.len(), warnings, "{files:?}");
        let nothing = Settings::load(&files, &variables(&[])).unwrap_err().to_string();
        assert!(
            nothing.contains(&files[0].display().to_string()) && nothing.contains("CLICKHOUSE_ENDPOINT"),
            "{nothing}"
        );
    }
    assert!(!is_foreign("role: gateway\nclickhouse:\n  endpoint: http://c\n"));
}

#[test]
fn of_several_files_one_is_this_collectors() {
    let dir = tempfile::tempdir().unwrap();
    let [own, other] = ["own.yaml", "other.yaml"].map(|name| dir.path().join(name));
    for file in [&own, &other] {
        fs::write(file, "role: gateway\nclickhouse: {endpoint: 'http://other:8123'}\n").unwrap();
    }
    let named = PathBuf::from(format!("file:{}", own.display()));
    let settings = Settings::load(&["/nowhere".into(), named], &variables(&[])).unwrap();
    assert_eq!(settings.config.clickhouse.unwrap().endpoint.as_deref(), Some("http://other:8123"));
    assert_eq!(settings.warnings, ["/nowhere is not there"]);
    let told = Settings::load(&[own, other], &variables(&[])).unwrap_err().to_string();
    assert!(told.contains("other.yaml") && told.contains("name one of them"), "{told}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_by_its_place_and_shows_nothing_of_what_stands_around_it() {
    let file = "role: gateway\nclickhouse:\n  endpoint: http://c:8123\n  password: sesame\n";
    let error = Settings::of_file("f", file, &variables(&[])).unwrap_err();
    let told = format!("{:#}", anyhow::Error::new(error));
    assert!(told.contains("password") && told.contains("line 4") && !told.contains("sesame"), "{told}");
}

#[test]
fn a_file_goes_before_the_variables_but_for_secrets_it_does_not_name() {
    let all = variables(&[HERE, ("CLICKHOUSE_PASSWORD", "hunter2"), ("HYPERDX_LOG_LEVEL", "warn")]);
    let plain = "role: gateway\nclickhouse: {endpoint: 'http://other:8123'}\n";
    let settings = Settings::of_file("f", plain, &all).unwrap();
    assert_eq!(settings.config.clickhouse.unwrap().endpoint.as_deref(), Some("http://other:8123"));
    assert!(matches!(settings.login.password, Some(Secret::Text(_))));
    assert_eq!((settings.log_filter.as_str(), settings.warnings.len()), ("warn", 1));
    assert!(settings.warnings[0].contains("CLICKHOUSE_ENDPOINT") && !settings.warnings[0].contains("hunter2"));
    let named = "role: gateway\nclickhouse: {endpoint: 'http://other:8123', usernameFile: /u, passwordFile: /p}\n";
    let login = Settings::of_file("f", named, &all).unwrap().login;
    assert!(matches!((login.username, login.password), (Some(Secret::File(_)), Some(Secret::File(_)))));
}

const TOKEN: (&str, &str) = ("OTLP_AUTH_TOKEN", "sesame");
const OPAMP: (&str, &str) = ("OPAMP_SERVER_URL", "http://app:4320");
const LOCK: &str = "receivers.fluentForward.sharedKeyFile";

#[test]
fn a_token_in_the_environment_leaves_no_second_door_open() {
    let file = |fluent: &str| {
        format!("role: gateway\nclickhouse: {{endpoint: 'http://c:8123'}}\nreceivers: {{fluentForward: {fluent}}}\n")
    };
    assert!(Settings::of_file("f", &file("{}"), &variables(&[])).is_ok());
    assert!(Settings::of_file("f", &file("{sharedKeyFile: /k}"), &variables(&[TOKEN])).is_ok());
    let told = Settings::of_file("f", &file("{}"), &variables(&[TOKEN])).unwrap_err().to_string();
    assert!(told.contains(LOCK) && !told.contains(TOKEN.1), "{told}");
    let dir = tempfile::tempdir().unwrap();
    let custom = dir.path().join("custom.yaml");
    fs::write(
        &custom,
        "receivers: {fluentforward: {endpoint: '0.0.0.0:24225'}}
service: {pipelines: {logs/in: {receivers: [otlp/hyperdx, fluentforward]}}}
",
    )
    .unwrap();
    let custom = ("CUSTOM_OTELCOL_CONFIG_FILE", custom.to_str().unwrap());
    assert!(Settings::of_environment(&variables(&[HERE, custom])).is_ok());
    for locks in [&[TOKEN][..], &[("OIDC_ISSUER_URL", "https://id.example"), ("OIDC_AUDIENCE", "otel")]] {
        let pairs: Vec<_> = [HERE, custom].iter().chain(locks).copied().collect();
        let told = Settings::of_environment(&variables(&pairs)).unwrap_err().to_string();
        assert!(told.contains(LOCK), "{told}");
    }
}

#[test]
fn fluents_door_is_open_beside_an_opamp_server_where_variables_name_it_and_not_where_a_file_does() {
    // A token has no effect beside the server, and so is no lock.
    let settings = Settings::of_environment(&variables(&[HERE, OPAMP, TOKEN])).unwrap();
    assert!(settings.config.receivers.fluent_forward.is_some() && settings.sender_token.is_none());
    let told: Vec<_> =
        settings.warnings.iter().filter(|what| what.contains("24225 takes what anybody sends")).collect();
    assert_eq!(told.len(), 1, "{:?}", settings.warnings);
    let file = "role: gateway\nclickhouse: {endpoint: 'http://c:8123'}
receivers: {otlp: {auth: {opamp: {endpoint: 'http://app:4320'}}}, fluentForward: {}}\n";
    for pairs in [&[][..], &[OPAMP]] {
        let told = Settings::of_file("f", file, &variables(pairs)).unwrap_err().to_string();
        assert!(told.contains(LOCK), "{told}");
    }
}
