use crds::config::Retention;

use super::*;

fn gateway() -> CollectorConfig {
    CollectorConfig::gateway(ClickHouse::at("http://ch:8123"))
}

fn variables() -> Variables {
    let pairs = [
        ("CLICKHOUSE_ENDPOINT", "tcp://ch:9000"),
        ("CLICKHOUSE_USER", "0123"),
        ("CLICKHOUSE_PASSWORD", "hunter2"),
        ("GRPC", "0.0.0.0:14317"),
        ("SIZE", "50000"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What a file makes of a gateway, which must work, and what it warns of.
fn made(text: &str) -> (CollectorConfig, Extras) {
    let mut config = gateway();
    let extras = overlay(text, &variables(), &mut config).unwrap();
    assert_eq!(config.problems(), [], "{text}");
    (config, extras)
}

/// The fields that a file is refused for, and everything that is said of them.
fn refused(text: &str) -> (Vec<String>, String) {
    let problems = overlay(text, &variables(), &mut gateway()).unwrap_err();
    let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    (problems.into_iter().map(|problem| problem.field).collect(), said)
}

#[test]
fn the_supported_part_changes_the_configuration() {
    let text = "
processors:
  batch: {send_batch_size: '${env:SIZE}', send_batch_max_size: 0, timeout: 2s}
  memory_limiter: {limit_mib: 1000, limit_percentage: 50, check_interval: 1s}
receivers:
  otlp/hyperdx:
    protocols:
      grpc: {endpoint: '${env:GRPC}', max_recv_msg_size_mib: 16}
      http:
        endpoint: 'localhost:14318'
        include_metadata: true
        cors: {allowed_origins: ['https://*.shop.example'], allowed_headers: ['*'], max_age: 60}
exporters:
  clickhouse:
    endpoint: ${env:CLICKHOUSE_ENDPOINT}
    username: ${env:CLICKHOUSE_USER}
    password: ${env:CLICKHOUSE_PASSWORD}
    ttl: 48h
    timeout: 10s
    async_insert: false
    retry_on_failure: {enabled: true, max_elapsed_time: 30s}
  clickhouse/rrweb: {ttl: 24h, timeout: 10s, logs_table_name: hyperdx_sessions}
extensions: {health_check: {endpoint: '0.0.0.0:13134'}}
service: {extensions: [health_check], telemetry: {logs: {level: DEBUG}, metrics: {address: '0.0.0.0:18888'}}}
";
    let (config, extras) = made(text);
    assert_eq!((extras.log_level.as_deref(), extras.memory_percent), (Some("debug"), Some(50)));
    let warned: Vec<_> = extras.warnings.iter().filter_map(|warning| warning.split(':').next()).collect();
    assert_eq!(warned, ["exporters.clickhouse.ttl", "exporters.clickhouse/rrweb.ttl"]);
    assert_eq!((config.blocks.max_rows, config.blocks.max_age.to_string().as_str()), (50_000, "2s"));
    assert_eq!(config.limits.memory_budget, Some(quantity::ByteSize(419_430_400)));
    assert_eq!(config.limits.request_bytes, Some(quantity::ByteSize::mebibytes(16)));
    let otlp = &config.receivers.otlp;
    assert_eq!((otlp.grpc.port(), otlp.http.port()), (14317, 14318));
    assert_eq!((otlp.cors.allowed_origins.len(), otlp.cors.max_age), (1, quantity::Duration::seconds(60)));
    assert_eq!((config.admin.health.port(), config.admin.metrics.port()), (13134, 18888));
    let clickhouse = config.clickhouse.unwrap();
    assert_eq!(
        (clickhouse.retry_for, clickhouse.timeout.to_string().as_str()),
        (quantity::Duration::seconds(30), "10s")
    );
    let kept = clickhouse.retention;
    assert_eq!(kept, Retention::default(), "rows are not deleted for what a file says of other tables");
}

#[test]
fn every_key_that_would_be_lost_is_named() {
    let text = "
receivers: {hostmetrics: {scrapers: {cpu: {}}, collection_interval: 30s}}
processors: {batch: {timeout: soon}, attributes/x: {actions: [{key: a, action: delete}]}, memory_limiter: {limit_percentage: 200}}
exporters: {clickhouse: {password: other, cluster_name: c}, clickhouse/rrweb: {timeout: 5s}}
service: {extensions: [pprof]}
";
    let (fields, said) = refused(text);
    assert_eq!(
        fields,
        [
            "exporters.clickhouse.cluster_name",
            "exporters.clickhouse.password",
            "exporters.clickhouse/rrweb.timeout",
            "processors.attributes/x.actions",
            "processors.batch.timeout",
            "processors.memory_limiter.limit_percentage",
            "receivers.hostmetrics.collection_interval",
            "service.extensions",
        ]
    );
    assert!(
        said.contains("set CLICKHOUSE_PASSWORD") && !said.contains("hunter2") && !said.contains("other;"),
        "{said}"
    );
    let (_, said) = refused("exporters:\n  clickhouse:\n    password: sesame\n    a: [\n");
    assert!(said.contains("is not YAML") && said.contains("line") && !said.contains("sesame"), "{said}");
    assert_eq!(overlay("", &variables(), &mut gateway()), Ok(Extras::default()));
}

#[test]
fn what_is_used_instead_of_a_value_is_told() {
    for (text, field, told) in [
        ("processors: {batch: {timeout: 30s}}", "blocks.maxAge=5s", "5s is used"),
        ("processors: {batch: {send_batch_size: 9000000}}", "blocks.maxRows=1000000", "1000000"),
        (
            "exporters: {clickhouse: {retry_on_failure: {max_elapsed_time: 300s}}}",
            "clickhouse.retryFor=1m",
            "60s is used",
        ),
        (
            "exporters: {clickhouse: {retry_on_failure: {max_elapsed_time: 0s}}}",
            "clickhouse.retryFor=1m",
            "60s is used",
        ),
        (
            "exporters: {clickhouse: {ttl: 48h}}",
            "clickhouse.retention.logs=30d",
            "no effect; set HYPERDX_OTEL_EXPORTER_TABLES_TTL",
        ),
        (
            "receivers: {otlp/hyperdx: {protocols: {grpc: {max_recv_msg_size_mib: 16}, http: {max_request_body_size: 7}}}}",
            "limits.requestBytes=16Mi",
            "larger of both",
        ),
        (
            "receivers: {otlp/hyperdx: {protocols: {grpc: {max_recv_msg_size_mib: 16}, http: {max_request_body_size: 33554432}}}}",
            "limits.requestBytes=32Mi",
            "larger of both",
        ),
        ("exporters: {clickhouse: {create_schema: true}}", "clickhouse.schema.manage=true", "made as ClickStack's"),
        ("exporters: {clickhouse: {ttl: '${env:NOBODY}'}}", "clickhouse.retention.logs=30d", "NOBODY is not set"),
    ] {
        let (config, extras) = made(text);
        let (pointer, wanted) = field.split_once('=').unwrap();
        let config = serde_json::to_value(config).unwrap();
        let value = config.pointer(&format!("/{}", pointer.replace('.', "/"))).unwrap().to_string().replace('"', "");
        assert_eq!(value, wanted, "{text}");
        assert!(extras.warnings.len() == 1 && extras.warnings[0].contains(told), "{text}: {:?}", extras.warnings);
    }
}

#[test]
fn tables_are_made_where_the_exporter_is_told_to_make_none() {
    let (config, extras) =
        made("exporters: {clickhouse: {create_schema: false}, clickhouse/rrweb: {create_schema: false}}");
    assert!(config.clickhouse.unwrap().schema.manage && extras.warnings.is_empty());
}

#[test]
fn a_processor_of_the_files_own_is_taken_where_its_pipelines_name_it() {
    let named = "
processors:
  memory_limiter/custom: {limit_percentage: 75, spike_limit_percentage: 20, check_interval: 1s}
  batch/custom: {send_batch_size: 20000}
service:
  pipelines:
    traces: {processors: [memory_limiter/custom, batch/custom]}
    metrics: {processors: [memory_limiter/custom, batch/custom], exporters: [clickhouse]}
    logs/in: {receivers: [otlp/hyperdx], exporters: [routing/logs]}
    logs/out-default: {receivers: [routing/logs], processors: [memory_limiter/custom, transform, batch/custom]}
    logs/out-rrweb: {processors: [memory_limiter/custom, batch/custom], exporters: [clickhouse/rrweb]}
";
    let (config, extras) = made(named);
    assert_eq!((config.blocks.max_rows, extras.memory_percent), (20_000, Some(75)));
    assert_eq!(extras.warnings, [""; 0]);
    let (config, extras) = made(
        "{processors: {batch/custom: {send_batch_size: 7}}, service: {pipelines: {traces: {processors: [batch/custom]}}}}",
    );
    assert_eq!(config.blocks.max_rows, 7);
    assert!(extras.warnings[0].contains("all pipelines"), "{:?}", extras.warnings);
    let (config, extras) = made("processors: {batch/custom: {send_batch_size: 7}}");
    assert_eq!(config.blocks.max_rows, 100_000);
    assert!(extras.warnings[0].contains("no pipeline"), "{:?}", extras.warnings);
}

#[test]
fn a_pipeline_that_would_do_something_else_is_refused() {
    for (pipelines, told) in [
        ("logs/out-default: {processors: [memory_limiter, batch]}", "lacks transform"),
        ("traces: {processors: [memory_limiter, tail_sampling, batch]}", "tail_sampling is not here"),
        ("traces: {processors: [transform]}", "transform is not here"),
        ("logs/out-default: {processors: [transform/custom]}", "transform/custom is not here"),
        ("traces: {exporters: [clickhouse, debug]}", "nowhere else"),
        ("traces: {receivers: [nop]}", "taken from otlp/hyperdx"),
        ("traces: {receivers: [otlp/hyperdx, fluentforward]}", "fluentforward is no receiver of this pipeline"),
        ("logs/in: {receivers: [otlp/hyperdx, hostmetrics]}", "hostmetrics is no receiver"),
        ("logs/in: {receivers: [otlp/other]}", "one OTLP receiver"),
        ("traces: {processors: [batch/a]}, metrics: {processors: [batch/b]}", "one batch here"),
        ("logs/mine: {receivers: [otlp/hyperdx]}", "no such pipeline"),
        ("traces: {processors: batch}", "not a list"),
    ] {
        let (fields, said) = refused(&format!("service: {{pipelines: {{{pipelines}}}}}"));
        assert!(
            fields.iter().all(|field| field.starts_with("service.pipelines")) && said.contains(told),
            "{pipelines}: {said}"
        );
    }
}

#[test]
fn receivers_this_collector_has_are_opened_where_the_file_says() {
    let text = "
receivers:
  otlp/second: {protocols: {grpc: {endpoint: '0.0.0.0:5317'}, http: {endpoint: '0.0.0.0:5318'}}}
  fluentforward: {endpoint: '0.0.0.0:24224'}
  syslog/hosts: {tcp: {listen_address: '0.0.0.0:5514'}, udp: {listen_address: '0.0.0.0:5514'}, protocol: rfc5424}
service:
  pipelines:
    traces: {receivers: [otlp/second]}
    metrics: {receivers: [otlp/second, nop]}
    logs/in: {receivers: [otlp/second, fluentforward, syslog/hosts]}
";
    let (config, extras) = made(text);
    let receivers = config.receivers;
    assert_eq!((receivers.otlp.grpc.port(), receivers.otlp.http.port()), (5317, 5318));
    assert_eq!(receivers.fluent_forward.unwrap().address.port(), 24224);
    assert_eq!(receivers.syslog.unwrap().address.port(), 5514);
    assert_eq!(extras.warnings, [""; 0]);

    let (config, extras) = made(
        "receivers: {fluentforward: {endpoint: '0.0.0.0:24224'}, otlp: {protocols: {grpc: {endpoint: '0.0.0.0:1'}}}}",
    );
    assert!(config.receivers.fluent_forward.is_none() && config.receivers.otlp.grpc.port() == 4317);
    assert_eq!(extras.warnings.len(), 2, "{:?}", extras.warnings);
}

#[test]
fn fluents_receiver_is_there_in_the_mode_that_has_it_unless_the_file_leaves_it_out() {
    for (text, port) in [
        ("", Some(24225)),
        ("receivers: {fluentforward: {endpoint: '0.0.0.0:24224'}}", Some(24224)),
        ("service: {pipelines: {logs/in: {receivers: [otlp/hyperdx]}}}", None),
    ] {
        let mut config = gateway();
        config.receivers.fluent_forward = Some(crds::config::FluentForward::default());
        overlay(text, &variables(), &mut config).unwrap();
        assert_eq!(config.receivers.fluent_forward.map(|fluent| fluent.address.port()), port, "{text}");
    }
}

#[test]
fn a_receivers_key_of_another_meaning_is_refused_with_the_remedy() {
    for (keys, told) in [
        ("fluentforward: {endpoint: 'unix:///var/run/fluent.sock'}", "an address and a port"),
        ("syslog: {tcp: {listen_address: '0.0.0.0:1'}, udp: {listen_address: '0.0.0.0:2'}}", "one address here"),
        ("syslog: {tcp: {listen_address: '0.0.0.0:1', tls: {cert_file: /a}}}", "own file alone"),
        ("syslog: {tcp: {listen_address: '0.0.0.0:1'}, location: Europe/Berlin}", "write UTC"),
        ("syslog: {tcp: {listen_address: '0.0.0.0:1'}, operators: [{type: noop}]}", "remove it"),
        ("otlp/hyperdx: {protocols: {grpc: {keepalive: {server_parameters: {max_connection_age: 5s}}}}}", "remove it"),
    ] {
        let pipeline = "service: {pipelines: {logs/in: {receivers: [otlp/hyperdx, fluentforward, syslog]}}}";
        let (fields, said) = refused(&format!("{{receivers: {{{keys}}}, {pipeline}}}"));
        assert!(fields.len() == 1 && said.contains(told), "{keys}: {said}");
    }
}
