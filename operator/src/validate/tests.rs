use super::*;
use crate::references::{Content, Referent};

const IMAGE: &str = "localhost:5000/collector:0.1.0";

fn resource(spec: &str) -> ClickStackCollector {
    let text = format!(
        "{{apiVersion: clickstack.io/v1alpha1, kind: ClickStackCollector, metadata: {{name: main, namespace: ns, uid: u}}, spec: {spec}}}"
    );
    serde_saphyr::from_str(&text).unwrap()
}

fn nothing() -> Found {
    Found::new()
}

fn secret(keys: &[&str]) -> Found {
    let content = Content { keys: keys.iter().map(|key| (*key).to_owned()).collect(), version: "u/1".to_owned() };
    [(Referent::Secret("ch".to_owned()), content)].into()
}

const WITH_SECRET: &str = "{clickhouse: {endpoint: 'http://c:8123', credentials: {secretName: ch}}, gateway: {}}";

#[test]
fn a_missing_secret_is_waited_for_by_name() {
    let refusal = validate(&resource(WITH_SECRET), &nothing(), IMAGE).unwrap_err();
    let message = "Secret ch does not exist; create it with the keys password and username".to_owned();
    assert_eq!(refusal, Refusal::Missing { kind: "Secret", message });
}

#[test]
fn a_missing_key_is_waited_for_by_name() {
    let refusal = validate(&resource(WITH_SECRET), &secret(&["username"]), IMAGE).unwrap_err();
    let message = "Secret ch has no key password; add it".to_owned();
    assert_eq!(refusal, Refusal::Missing { kind: "Secret", message });
}

#[test]
fn a_complete_secret_is_mounted_where_the_configuration_looks() {
    let plan = validate(&resource(WITH_SECRET), &secret(&["username", "password"]), IMAGE).unwrap();
    let clickhouse = plan.gateway.unwrap().pod.config.clickhouse.unwrap();
    assert_eq!(clickhouse.password_file.as_deref(), Some("/etc/clickstack-credentials/password"));
}

#[test]
fn credentials_in_the_endpoint_are_not_repeated() {
    let spec = "{clickhouse: {endpoint: 'http://me:hunter2@c:8123'}, gateway: {}}";
    let refusal = format!("{:?}", validate(&resource(spec), &nothing(), IMAGE).unwrap_err());
    assert!(refusal.contains("spec.clickhouse.endpoint") && !refusal.contains("hunter2"), "{refusal}");
}

#[test]
fn agents_without_gateways_are_refused_without_the_schema_too() {
    let refusal = validate(&resource("{clickhouse: {endpoint: 'http://c'}, agent: {}}"), &nothing(), IMAGE);
    let Err(Refusal::Invalid(problems)) = refusal else { panic!("{refusal:?}") };
    assert_eq!(problems[0].field, "spec.agent");
}

#[test]
fn each_part_of_the_image_can_be_overridden() {
    let reference = |image: &str| {
        let spec = format!("{{image: {image}, clickhouse: {{endpoint: 'http://c'}}, gateway: {{}}}}");
        validate(&resource(&spec), &nothing(), IMAGE).unwrap().image.reference
    };
    assert_eq!(reference("{}"), "localhost:5000/collector:0.1.0");
    assert_eq!(reference("{tag: '2'}"), "localhost:5000/collector:2");
    assert_eq!(reference("{repository: other/c}"), "other/c:0.1.0");
    assert_eq!(reference("{repository: 'r:1/c', tag: '3'}"), "r:1/c:3");
}

fn problems(spec: &str) -> Vec<String> {
    match validate(&resource(spec), &nothing(), IMAGE) {
        Err(Refusal::Invalid(problems)) => problems.into_iter().map(|problem| problem.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let spec = "{clickhouse: {endpoint: 'https://c', tls: {ca: {configMapName: root}, clientCertificate: {secretName: me}}}, gateway: {}}";
    let message = "ConfigMap root does not exist; create it with the key ca.crt; \
                   Secret me does not exist; create it with the keys tls.crt and tls.key";
    let refusal = validate(&resource(spec), &nothing(), IMAGE).unwrap_err();
    assert_eq!(refusal, Refusal::Missing { kind: "ConfigMap", message: message.to_owned() });
}

#[test]
fn problems_of_the_file_are_told_in_the_words_of_the_spec() {
    for (spec, field) in [
        ("{clickhouse: {endpoint: 'http://c', retention: {logs: 0s}}, gateway: {}}", "spec.clickhouse.retention.logs"),
        ("{clickhouse: {endpoint: 'http://c', schema: {engine: Log}}, gateway: {}}", "spec.clickhouse.schema.engine"),
        ("{clickhouse: {endpoint: 'http://c', tls: {}}, gateway: {}}", "spec.clickhouse.tls"),
        (
            "{clickhouse: {endpoint: 'http://c'}, gateway: {otlp: {http: {cors: {allowedOrigins: ['a*b*']}}}}}",
            "spec.gateway.otlp.http.cors.allowedOrigins[0]",
        ),
        (
            "{clickhouse: {endpoint: 'http://c'}, gateway: {auth: {oidc: {issuer: 'http://i', audience: a}}}}",
            "spec.gateway.auth.oidc.issuer",
        ),
        (
            "{clickhouse: {endpoint: 'http://c'}, gateway: {limits: {requestBytes: 0}}}",
            "spec.gateway.limits.requestBytes",
        ),
        (
            "{clickhouse: {endpoint: 'http://c'}, gateway: {}, agent: {forward: {timeout: 0s}}}",
            "spec.agent.forward.timeout",
        ),
        ("{clickhouse: {endpoint: 'http://c'}, gateway: {otlp: {http: {port: 4317}}}}", "spec.gateway.otlp.http.port"),
        (
            "{clickhouse: {endpoint: 'http://c'}, gateway: {auth: {oidc: {issuer: 'https://i', audience: a}}}, agent: {}}",
            "spec.gateway.auth.oidc",
        ),
        ("{clickhouse: {endpoint: 'http://c'}, gateway: {}, agent: {forward: {tls: {}}}}", "spec.agent.forward.tls"),
        ("{gateway: {}}", "spec.clickhouse"),
        (
            "{clickhouse: {endpoint: 'http://c'}, gateway: {forwardTo: {endpoint: 'http://g'}}}",
            "spec.gateway.forwardTo",
        ),
        ("{gateway: {forwardTo: {endpoint: 'g:4317'}}}", "spec.gateway.forwardTo.endpoint"),
        ("{gateway: {forwardTo: {endpoint: 'http://g', tls: {}}}}", "spec.gateway.forwardTo.tls"),
        ("{gateway: {forwardTo: {endpoint: 'http://g', timeout: 0s}}}", "spec.gateway.forwardTo.timeout"),
        ("{gateway: {forwardTo: {endpoint: 'http://g'}, spool: {size: 1Mi}}}", "spec.gateway.spool.size"),
        ("{gateway: {forwardTo: {endpoint: 'http://g'}, blocks: {}}}", "spec.gateway.blocks"),
        ("{gateway: {forwardTo: {endpoint: 'http://g'}, transform: {numericLevels: true}}}", "spec.gateway.transform"),
        (
            "{gateway: {forwardTo: {endpoint: 'http://g'}, spool: {size: 1Gi, siblings: {}}}}",
            "spec.gateway.spool.siblings",
        ),
    ] {
        assert_eq!(problems(spec), [field], "{spec}");
    }
}

fn gateway_problems(block: &str) -> Vec<String> {
    problems(&format!("{{clickhouse: {{endpoint: 'http://c'}}, gateway: {block}}}"))
}

#[test]
fn pod_settings_that_cannot_work_name_their_field() {
    for (block, field) in [
        ("{env: [{name: POD_NAME, value: x}]}", "env[0].name"),
        ("{env: [{name: A}, {name: A}]}", "env[1].name"),
        ("{volumes: [{name: config, emptyDir: {}}]}", "volumes[0].name"),
        ("{volumes: [{name: a, emptydir: {}}]}", "volumes[0].emptydir"),
        ("{volumeMounts: [{name: a, mountPath: /etc/clickstack/x}]}", "volumeMounts[0].mountPath"),
        ("{updateStrategy: {maxSurge: 0, maxUnavailable: 0%}}", "updateStrategy"),
        ("{podTemplate: {spec: {hostNetwrok: true}}}", "podTemplate.spec.hostNetwrok"),
        ("{podTemplate: {spec: {containers: [{image: x}]}}}", "podTemplate.spec.containers[0].name"),
        ("{podTemplate: {metadata: {labels: null}}}", "podTemplate.metadata.labels"),
        ("{podTemplate: {metadata: {labels: {app.kubernetes.io/component: x}}}}", "podTemplate.metadata.labels"),
        ("{podTemplate: {spec: {containers: [{name: collector, $patch: delete}]}}}", "podTemplate.spec.containers"),
        ("{podTemplate: {spec: {hostNetwork: [1]}}}", "podTemplate"),
        ("{podTemplate: []}", "podTemplate"),
        ("{spool: {size: 1Mi}}", "spool.size"),
        ("{volumes: [{name: spool, emptyDir: {}}]}", "volumes[0].name"),
        ("{spool: {size: 1Gi, volumeClaim: {}}, updateStrategy: {maxUnavailable: 2}}", "updateStrategy"),
    ] {
        assert_eq!(gateway_problems(block), [format!("spec.gateway.{field}")], "{block}");
    }
}

#[test]
fn agents_are_replaced_one_way_or_the_other() {
    for (block, field) in [
        ("{hostPort: false, updateStrategy: {maxSurge: 1, maxUnavailable: 1}}", "updateStrategy"),
        ("{updateStrategy: {maxSurge: 10%}}", "updateStrategy.maxSurge"),
        ("{hostPort: false, spool: {size: 1Gi}, updateStrategy: {maxSurge: 1}}", "updateStrategy.maxSurge"),
        ("{spool: {size: 1Mi}}", "spool.size"),
    ] {
        let gateway = "{spool: {size: 1Gi}}";
        let spec = format!("{{clickhouse: {{endpoint: 'http://c'}}, gateway: {gateway}, agent: {block}}}");
        assert_eq!(problems(&spec), [format!("spec.agent.{field}")], "{block}");
    }
}

#[test]
fn an_agent_keeps_nothing_for_gateways_that_keep_nothing() {
    let spec = "{clickhouse: {endpoint: 'http://c'}, gateway: {}, agent: {spool: {size: 1Gi}}}";
    assert_eq!(problems(spec), ["spec.agent.spool"]);
}

#[test]
fn what_pods_point_at_is_waited_for_unless_it_is_optional() {
    let spec = "{clickhouse: {endpoint: 'http://c'}, gateway: {
        env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}},
              {name: B, valueFrom: {configMapKeyRef: {name: none, key: k, optional: true}}}],
        volumes: [{name: v, projected: {sources: [{configMap: {name: c}}]}}],
        podTemplate: {spec: {containers: [{name: x, envFrom: [{secretRef: {name: t}}]}]}}}}";
    let message = "Secret s does not exist; create it with the key k; ConfigMap c does not exist; create it; \
         Secret t does not exist; create it";
    let refusal = validate(&resource(spec), &nothing(), IMAGE).unwrap_err();
    assert_eq!(refusal, Refusal::Missing { kind: "Secret", message: message.to_owned() });
}

#[test]
fn a_pause_waits_until_the_spec_can_work() {
    let paused = |spec: &str| validate(&resource(spec), &nothing(), IMAGE).unwrap_err();
    assert_eq!(paused("{paused: true, clickhouse: {endpoint: 'http://c'}, gateway: {}}"), Refusal::Paused);
    let invalid = paused("{paused: true, clickhouse: {endpoint: 'x'}, gateway: {}}");
    assert!(matches!(invalid, Refusal::Invalid(_)), "{invalid:?}");
}
