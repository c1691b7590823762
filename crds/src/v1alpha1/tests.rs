use kube::CustomResourceExt;
use serde_json::Value;

use super::*;

fn read(spec: &str) -> Result<ClickStackCollectorSpec, serde_saphyr::Error> {
    serde_saphyr::from_str(spec)
}

#[test]
fn the_smallest_resource_needs_an_endpoint_and_a_role() {
    let spec = read("{clickhouse: {endpoint: 'http://c:8123'}, gateway: {}, agent: {}}").unwrap();
    assert_eq!(spec.gateway.unwrap().replicas, 2);
    assert_eq!(spec.clickhouse.unwrap().database, "default");
    assert!(spec.agent.unwrap().host_port);
}

#[test]
fn a_gateway_that_forwards_needs_an_address_and_no_clickhouse() {
    let token = "auth: {token: {secretName: central, key: token}}";
    let spec = read(&format!("{{gateway: {{forwardTo: {{endpoint: 'https://g:4317', {token}}}}}}}")).unwrap();
    assert_eq!(spec.clickhouse, None);
    let forward_to = spec.gateway.unwrap().forward_to.unwrap();
    assert_eq!(forward_to.auth.unwrap().token.secret_name, "central");
    assert!(read("{gateway: {forwardTo: {endpoint: 'https://g:4317', token: t}}}").is_err());
    assert!(read("{gateway: {forwardTo: {}}}").is_err());
}

#[test]
fn a_misspelt_field_is_refused() {
    assert!(read("{clickhouse: {endpoint: 'http://c:8123'}, gatway: {}}").is_err());
}

#[test]
fn every_field_of_the_schema_is_described() {
    let crd = serde_json::to_value(ClickStackCollector::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut bare = Vec::new();
    for part in ["spec", "status"] {
        undescribed(part, &schema[part], &mut bare);
    }
    assert_eq!(bare, Vec::<String>::new());
}

fn undescribed(path: &str, schema: &Value, bare: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if property["description"].as_str().is_none_or(str::is_empty) {
            bare.push(path.clone());
        }
        undescribed(&path, property, bare);
        undescribed(&path, &property["items"], bare);
    }
}

#[test]
fn the_definition_stays_below_what_an_apply_annotation_can_carry() {
    let crd = serde_json::to_string(&ClickStackCollector::crd()).unwrap();
    assert!(crd.len() < 256 * 1024, "{} bytes", crd.len());
}

#[test]
fn a_resource_nobody_has_looked_at_says_so() {
    let crd = serde_json::to_value(definition()).unwrap();
    let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["default"];
    let condition = &status["conditions"][0];
    assert_eq!((condition["type"].as_str(), condition["status"].as_str()), (Some("Reconciling"), Some("True")));
    assert_eq!(condition["lastTransitionTime"], "1970-01-01T00:00:00Z");
}
