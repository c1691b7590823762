use super::*;

fn gateway() -> CollectorConfig {
    CollectorConfig::from_yaml("role: gateway\nclickhouse: {endpoint: 'http://clickhouse:8123'}").unwrap()
}

fn fields(config: &CollectorConfig) -> Vec<String> {
    config.problems().into_iter().map(|problem| problem.field).collect()
}

#[test]
fn the_smallest_gateway_has_every_default_and_no_problem() {
    let config = gateway();
    assert_eq!(config.problems(), []);
    assert_eq!(config.receivers.otlp.grpc.port(), 4317);
    assert_eq!(config.receivers.otlp.http.port(), 4318);
    assert_eq!(config.clickhouse.unwrap(), ClickHouse::at("http://clickhouse:8123"));
    assert_eq!(config.blocks.max_rows, 100_000);
}

#[test]
fn what_is_written_is_read_back_equal() {
    let mut config = gateway();
    config.blocks.max_age = Duration::milliseconds(250);
    config.limits.request_bytes = Some(ByteSize::mebibytes(3));
    let yaml = serde_saphyr::to_string(&config).unwrap();
    assert_eq!(CollectorConfig::from_yaml(&yaml).unwrap(), config, "{yaml}");
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(CollectorConfig::from_yaml(&json).unwrap(), config, "JSON is YAML");
}

#[test]
fn an_unknown_field_is_named_with_its_line() {
    let error = CollectorConfig::from_yaml("role: gateway\nclickhouse:\n  endpoint: http://c:8123\n  databse: x\n")
        .unwrap_err()
        .to_string();
    assert!(error.contains("databse") && error.contains('4'), "{error}");
}

#[test]
fn a_role_without_its_outlet_is_told_which_one() {
    let agent = CollectorConfig::from_yaml("role: agent\nclickhouse: {endpoint: 'http://c:8123'}").unwrap();
    assert_eq!(fields(&agent), ["forward", "clickhouse"]);
}

#[test]
fn a_gateway_stores_or_forwards_and_is_told_when_it_does_neither_or_both() {
    let (stores, forwards) = ("clickhouse: {endpoint: 'http://c:8123'}", "forward: {endpoint: 'https://g:4317'}");
    for (outlets, wrong) in [
        (String::new(), vec!["clickhouse"]),
        (stores.to_owned(), vec![]),
        (forwards.to_owned(), vec![]),
        (format!("{stores}\n{forwards}"), vec!["forward"]),
        (format!("{forwards}\nspool: {{directory: /spool}}"), vec![]),
    ] {
        let config = CollectorConfig::from_yaml(&format!("role: gateway\n{outlets}")).unwrap();
        assert_eq!(fields(&config), wrong, "{outlets}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let mut config = gateway();
    let clickhouse = config.clickhouse.as_mut().unwrap();
    clickhouse.endpoint = Some("tcp://c:9000".into());
    clickhouse.database = "no-such-name".into();
    config.blocks.max_age = Duration::seconds(120);
    config.limits.memory_budget = Some(ByteSize::mebibytes(1));
    assert_eq!(fields(&config), ["clickhouse.endpoint", "clickhouse.database", "blocks.maxAge", "limits.memoryBudget"]);
}

#[test]
fn endpoints_that_would_be_misread_are_refused() {
    for endpoint in [
        "clickhouse:8123",
        "ftp://c",
        "http://",
        "http://c:port",
        "http://c:8123/path",
        "http://c?x=1",
        "http://:8123",
        "http://a b",
    ] {
        let mut config = gateway();
        config.clickhouse = Some(ClickHouse::at(endpoint));
        assert_eq!(fields(&config), ["clickhouse.endpoint"], "{endpoint}");
    }
    for endpoint in ["http://c", "https://c.example:8443/", "http://10.0.0.1:8123", "http://[::1]:8123", "http://[::1]"]
    {
        let mut config = gateway();
        config.clickhouse = Some(ClickHouse::at(endpoint));
        assert_eq!(config.problems(), [], "{endpoint}");
    }
}

#[test]
fn credentials_in_an_endpoint_are_refused_and_never_repeated() {
    let mut config = gateway();
    for endpoint in ["https://otel:hunter2@c:8443", "otel:hunter2@c:8443", "tcp://otel:hunter2@c"] {
        config.clickhouse = Some(ClickHouse::at(endpoint));
        let problems = config.problems();
        assert_eq!(problems.len(), 1);
        assert!(!problems[0].to_string().contains("hunter2"), "{}", problems[0]);
    }
}

#[test]
fn exactly_one_of_endpoint_and_endpoints_is_given() {
    for (clickhouse, wrong) in [
        ("{}", vec!["clickhouse.endpoint"]),
        ("{endpoint: 'http://a', endpoints: ['http://b']}", vec!["clickhouse.endpoints"]),
        ("{endpoints: ['http://a', 'b:8123']}", vec!["clickhouse.endpoints[1]"]),
        ("{endpoints: ['http://a', 'https://b:8443']}", vec![]),
    ] {
        let config = CollectorConfig::from_yaml(&format!("role: gateway\nclickhouse: {clickhouse}")).unwrap();
        assert_eq!(fields(&config), wrong, "{clickhouse}");
    }
}

#[test]
fn tls_that_would_be_ignored_or_is_half_given_is_refused() {
    for (tls, wrong) in [
        ("{caFile: /ca, certFile: /c, keyFile: /k, serverName: ch.internal}", vec![]),
        ("{certFile: /c}", vec!["clickhouse.tls.certFile"]),
        ("{keyFile: /k}", vec!["clickhouse.tls.keyFile"]),
        ("{serverName: 'a b'}", vec!["clickhouse.tls.serverName"]),
        ("{caFile: /ca, insecureSkipVerify: true}", vec!["clickhouse.tls.caFile"]),
    ] {
        let yaml = format!("role: gateway\nclickhouse: {{endpoint: 'https://c:8443', tls: {tls}}}");
        assert_eq!(fields(&CollectorConfig::from_yaml(&yaml).unwrap()), wrong, "{tls}");
    }
    let plain = "role: gateway\nclickhouse: {endpoint: 'http://c:8123', tls: {caFile: /ca}}";
    assert_eq!(fields(&CollectorConfig::from_yaml(plain).unwrap()), ["clickhouse.tls"]);
}

#[test]
fn receivers_that_cannot_work_are_told_field_by_field() {
    let config = CollectorConfig::from_yaml(
        "
role: gateway
clickhouse: {endpoint: 'http://c:8123'}
receivers:
  otlp:
    grpc: 127.0.0.1:4317
    http: 127.0.0.1:4317
    cors: {allowedOrigins: ['https://*.shop.example', 'https://shop.example/page', '*x*']}
    auth:
      tokenFiles: [/etc/token, '']
      oidc: {issuer: 'http://issuer.example', audience: ''}
    tls: {certificateFile: '', keyFile: /etc/tls.key}
",
    )
    .unwrap();
    assert_eq!(
        fields(&config),
        [
            "receivers.otlp.http",
            "receivers.otlp.cors.allowedOrigins[1]",
            "receivers.otlp.cors.allowedOrigins[2]",
            "receivers.otlp.auth.tokenFiles[1]",
            "receivers.otlp.auth",
            "receivers.otlp.auth.oidc.issuer",
            "receivers.otlp.auth.oidc.audience",
            "receivers.otlp.tls.certificateFile",
        ]
    );
}

#[test]
fn an_opamp_server_has_an_address_and_says_alone_who_may_send() {
    let auth = |auth: &str| {
        let receivers = format!("receivers: {{otlp: {{auth: {auth}}}}}");
        let yaml = format!("role: gateway\nclickhouse: {{endpoint: 'http://c:8123'}}\n{receivers}");
        fields(&CollectorConfig::from_yaml(&yaml).unwrap())
    };
    assert_eq!(auth("{opamp: {endpoint: 'https://app.example/hyperdx/', tls: {caFile: /ca}}}"), [""; 0]);
    let wrong = "{endpoint: 'http://app:4320', tls: {caFile: /ca}, interval: 100ms, stateFile: opamp.json}";
    let fields = ["", ".tls", ".interval", ".stateFile"].map(|field| format!("receivers.otlp.auth{field}"));
    let named: Vec<_> = fields.iter().map(|field| field.replace("auth.", "auth.opamp.")).collect();
    assert_eq!(auth(&format!("{{tokenFiles: [/tokens], opamp: {wrong}}}")), named);
    for endpoint in [
        "app:4320",
        "ws://app:4320",
        "http://",
        "http://app:port",
        "http://a b",
        "http://app?x",
        "http://app/v1/opamp/",
    ] {
        let problem = opamp_endpoint_problem("OPAMP_SERVER_URL", endpoint);
        assert!(problem.is_some(), "{endpoint}");
    }
    let secret = opamp_endpoint_problem("OPAMP_SERVER_URL", "http://key:hunter2@app").unwrap().to_string();
    assert!(!secret.contains("hunter2"), "{secret}");
}

#[test]
fn measuring_is_for_agents_and_its_mistakes_are_named() {
    let receivers = "receivers: {hostMetrics: {interval: 500ms, rootDirectory: hostfs}}";
    let agent =
        CollectorConfig::from_yaml(&format!("role: agent\nforward: {{endpoint: 'http://g:4317'}}\n{receivers}"));
    assert_eq!(fields(&agent.unwrap()), ["receivers.hostMetrics.interval", "receivers.hostMetrics.rootDirectory"]);
    let mut gateway = gateway();
    gateway.receivers.host_metrics = Some(HostMetrics { interval: "2h".parse().unwrap(), ..HostMetrics::default() });
    assert_eq!(fields(&gateway), ["receivers.hostMetrics", "receivers.hostMetrics.interval"]);
}

#[test]
fn a_kubelet_is_shown_no_token_without_tls_and_met_in_one_way() {
    let agent = |kubelet: &str| {
        let yaml =
            format!("role: agent\nforward: {{endpoint: 'http://g:4317'}}\nreceivers: {{kubeletMetrics: {kubelet}}}");
        fields(&CollectorConfig::from_yaml(&yaml).unwrap())
    };
    assert_eq!(agent("{}"), [""; 0]);
    assert_eq!(agent("{endpoint: 'https://[::1]:10250', insecureSkipVerify: true}"), [""; 0]);
    assert_eq!(
        agent("{endpoint: 'http://node:10255', caFile: /ca, insecureSkipVerify: true, interval: 0s}"),
        ["interval", "endpoint", "caFile"].map(|field| format!("receivers.kubeletMetrics.{field}"))
    );
}

#[test]
fn an_issuer_is_believed_over_tls_or_on_this_machine() {
    for issuer in ["https://issuer.example/realms/a", "http://127.0.0.1:8080", "http://localhost/x", "http://[::1]:80"]
    {
        assert!(is_safe_issuer(issuer), "{issuer}");
    }
    for issuer in
        ["http://issuer.example", "http://localhost.evil.example", "http://127.0.0.1@evil", "https://", "ftp://a"]
    {
        assert!(!is_safe_issuer(issuer), "{issuer}");
    }
}

#[test]
fn container_logs_are_for_agents_and_their_mistakes_are_named() {
    let logs =
        "receivers: {containerLogs: {directory: pods, maxLineBytes: 8Mi, namespaces: {exclude: ['kube-*', 'No']}}}";
    let agent = CollectorConfig::from_yaml(&format!("role: agent\nforward: {{endpoint: 'http://g:4317'}}\n{logs}"));
    let of = |name: &str| format!("receivers.containerLogs{name}");
    let expected = [of(".directory"), of(".maxLineBytes"), of(".namespaces.exclude[1]")];
    assert_eq!(fields(&agent.unwrap()), expected);
    let mut gateway = gateway();
    gateway.receivers.container_logs = Some(ContainerLogs::default());
    gateway.kubernetes = Some(Kubernetes { cluster_name: Some(String::new()), ..Kubernetes::default() });
    assert_eq!(fields(&gateway), [&of(""), "kubernetes", "kubernetes.clusterName"]);
}

#[test]
fn the_role_cluster_needs_a_lease_and_something_to_read_and_others_have_neither() {
    let of = |text: &str| fields(&CollectorConfig::from_yaml(text).unwrap());
    let forward = "forward: {endpoint: 'http://g:4317'}";
    let whole = "kubernetes: {lease: {name: main-cluster, namespace: shop}}\nreceivers: {clusterEvents: {}}";
    assert_eq!(of(&format!("role: cluster\n{forward}\n{whole}")), [""; 0]);
    assert_eq!(of("role: cluster"), ["forward", "receivers", "kubernetes.lease"]);
    let path = "kubernetes: {lease: {name: 'a/b', namespace: ''}, attributes: {}}\nreceivers: {clusterEvents: {}}";
    assert_eq!(
        of(&format!("role: cluster\n{forward}\n{path}")),
        ["kubernetes.lease.name", "kubernetes.lease.namespace", "kubernetes.attributes"]
    );
    let metrics = whole.replace("clusterEvents: {}", "clusterMetrics: {interval: 0s}");
    assert_eq!(of(&format!("role: cluster\n{forward}\n{metrics}")), ["receivers.clusterMetrics.interval"]);
    assert_eq!(of(&format!("role: agent\n{forward}\n{whole}")), ["receivers.clusterEvents", "kubernetes.lease"]);
}

#[test]
fn a_second_door_needs_a_port_of_its_own_and_a_lock_where_the_first_has_one() {
    let config = |auth: &str, fluent: &str| {
        let receivers = format!("receivers: {{otlp: {{auth: {auth}}}, fluentForward: {fluent}}}");
        CollectorConfig::from_yaml(&format!("role: gateway\nclickhouse: {{endpoint: 'http://c:8123'}}\n{receivers}"))
    };
    let key = "receivers.fluentForward.sharedKeyFile";
    for (auth, fluent, wrong) in [
        ("{}", "{}", vec![]),
        ("{}", "{address: '0.0.0.0:4318'}", vec!["receivers.fluentForward.address"]),
        ("{}", "{sharedKeyFile: ''}", vec![key]),
        ("{tokenFiles: [/t]}", "{}", vec![key]),
        ("{opamp: {endpoint: 'http://app:4320'}}", "{}", vec![key]),
        ("{opamp: {endpoint: 'http://app:4320'}}", "{sharedKeyFile: /k}", vec![]),
        ("{tokenFiles: [/t]}", "{sharedKeyFile: /k}", vec![]),
        ("{tokenFiles: [/t]}", "{tls: {certificateFile: /c, keyFile: /k}}", vec![key]),
        ("{tokenFiles: [/t]}", "{tls: {certificateFile: /c, keyFile: /k, clientCaFile: /a}}", vec![]),
    ] {
        assert_eq!(fields(&config(auth, fluent).unwrap()), wrong, "{auth} {fluent}");
    }
    let both = "role: gateway\nclickhouse: {endpoint: 'http://c:8123'}\nreceivers: {fluentForward: {}, syslog: {address: '0.0.0.0:24225'}}";
    assert_eq!(fields(&CollectorConfig::from_yaml(both).unwrap()), ["receivers.syslog.address"]);
    assert_eq!(config("{}", "{}").unwrap().receivers.fluent_forward.unwrap().address.port(), 24225);
}

#[test]
fn records_are_changed_only_where_they_are_opened() {
    let mut config = gateway();
    config.transform.numeric_levels = true;
    assert_eq!(config.problems(), []);
    config.clickhouse = None;
    config.forward = Some(Forward::to("http://central:4317"));
    assert_eq!(fields(&config), ["transform"]);
}
