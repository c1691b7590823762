use std::collections::BTreeSet;

use super::*;

const IMAGE: &str = "localhost:5000/collector:0.1.0";

fn resource(spec: &str) -> ClickStackCollector {
    let text = format!(
        "{{apiVersion: clickstack.io/v1alpha1, kind: ClickStackCollector, metadata: {{name: main, namespace: ns, uid: u}}, spec: {spec}}}"
    );
    serde_saphyr::from_str(&text).unwrap()
}

fn found(keys: &[&str]) -> Secret {
    Secret::Found { keys: keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>() }
}

const WITH_SECRET: &str = "{clickhouse: {endpoint: 'http://c:8123', credentials: {secretName: ch}}, gateway: {}}";

#[test]
fn a_missing_secret_is_waited_for_by_name() {
    let refusal = validate(&resource(WITH_SECRET), &Secret::Missing, IMAGE).unwrap_err();
    let Refusal::SecretMissing { message } = refusal else { panic!("{refusal:?}") };
    assert_eq!(message, "Secret ch does not exist; create it with the keys username and password");
}

#[test]
fn a_missing_key_is_waited_for_by_name() {
    let refusal = validate(&resource(WITH_SECRET), &found(&["username"]), IMAGE).unwrap_err();
    assert_eq!(refusal, Refusal::SecretMissing { message: "Secret ch has no key password; add it".to_owned() });
}

#[test]
fn a_complete_secret_is_mounted_where_the_configuration_looks() {
    let plan = validate(&resource(WITH_SECRET), &found(&["username", "password"]), IMAGE).unwrap();
    let clickhouse = plan.gateway.unwrap().config.clickhouse.unwrap();
    assert_eq!(clickhouse.password_file.as_deref(), Some("/etc/clickstack-credentials/password"));
}

#[test]
fn credentials_in_the_endpoint_are_not_repeated() {
    let spec = "{clickhouse: {endpoint: 'http://me:hunter2@c:8123'}, gateway: {}}";
    let refusal = format!("{:?}", validate(&resource(spec), &Secret::Missing, IMAGE).unwrap_err());
    assert!(refusal.contains("spec.clickhouse.endpoint") && !refusal.contains("hunter2"), "{refusal}");
}

#[test]
fn agents_without_gateways_are_refused_without_the_schema_too() {
    let refusal = validate(&resource("{clickhouse: {endpoint: 'http://c'}, agent: {}}"), &Secret::Missing, IMAGE);
    let Err(Refusal::Invalid(problems)) = refusal else { panic!("{refusal:?}") };
    assert_eq!(problems[0].field, "spec.agent");
}

#[test]
fn each_part_of_the_image_can_be_overridden() {
    let reference = |image: &str| {
        let spec = format!("{{image: {image}, clickhouse: {{endpoint: 'http://c'}}, gateway: {{}}}}");
        validate(&resource(&spec), &Secret::Missing, IMAGE).unwrap().image.reference
    };
    assert_eq!(reference("{}"), "localhost:5000/collector:0.1.0");
    assert_eq!(reference("{tag: '2'}"), "localhost:5000/collector:2");
    assert_eq!(reference("{repository: other/c}"), "other/c:0.1.0");
    assert_eq!(reference("{repository: 'r:1/c', tag: '3'}"), "r:1/c:3");
}
