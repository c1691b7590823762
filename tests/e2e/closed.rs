//! What lets nobody in who does not belong there: gateways behind TLS and a token, and a namespace that admits
//! restricted pods alone.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tests::cluster::Namespace;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};

use crate::cluster;

/// The name in the gateways' certificate: what certificates of a cluster are usually made for.
const NAME: &str = "main-gateway.e2e-closed.svc";

/// A Secret for the gateways and a ConfigMap with its authority for the agents.
fn certificates(namespace: &Namespace) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![NAME.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        format!("--from-file={name}={}", dir.path().join(name).display())
    };
    let (certificate, key) = (file("tls.crt", &certificate.pem()), file("tls.key", &key.serialize_pem()));
    namespace.kubectl(&["create", "secret", "generic", "gateway-certificate", &certificate, &key]).unwrap();
    let authority = file("ca.crt", &authority.pem());
    namespace.kubectl(&["create", "configmap", "roots", &authority]).unwrap();
    namespace.kubectl(&["create", "secret", "generic", "ingest", "--from-literal=token=let-me-in"]).unwrap();
}

#[tokio::test]
async fn agents_reach_gateways_behind_tls_and_a_token_and_others_do_not() {
    let namespace = Namespace::create(cluster(), "e2e-closed").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    certificates(&namespace);
    let roles = format!(
        "  gateway: {{replicas: 1, otlp: {{tls: {{secretName: gateway-certificate}}}}, \
         auth: {{tokens: [{{secretName: ingest, key: token}}]}}}}\n  \
         agent: {{hostPort: false, forward: {{tls: {{ca: {{configMapName: roots}}, serverName: {NAME}}}}}}}"
    );
    namespace.apply(&namespace.resource(&engine, &roles)).unwrap();
    namespace.wait_ready("90s").unwrap();
    let (rows, mut ledger) = (Rows::new(&namespace.name, 1), Ledger::new(&namespace.name, Mode::ExactlyOnce));
    let agent = namespace.pods("agent").unwrap().remove(0);
    let answer = OtlpHttp::new(&format!("http://{}:4318", agent.address)).send(&rows.request(0..100)).await;
    assert!(answer.is_accepted(), "{answer:?}");
    ledger.enter(0..100, &answer);
    let gateway = namespace.pods("gateway").unwrap().remove(0);
    let stranger = OtlpHttp::new(&format!("http://{}:4318", gateway.address)).send(&rows.request(100..200)).await;
    assert!(!stranger.is_accepted(), "{stranger:?}");
    ledger.enter(100..200, &stranger);
    assert_eq!(ledger.check(&engine, "otel.otel_logs").await.unwrap().stored, 100);
    let told = namespace.status().unwrap()["endpoints"]["http"].clone();
    assert_eq!(told, "https://main-gateway.e2e-closed.svc:4318");
}

#[tokio::test]
async fn a_namespace_for_restricted_pods_takes_gateways_and_agents() {
    let namespace = Namespace::create(cluster(), "e2e-restricted").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    namespace.kubectl(&["label", "namespace", &namespace.name, restricted]).unwrap();
    let roles = "  gateway: {replicas: 1, spool: {size: 512Mi}}\n  agent: {hostPort: false}\n  networkPolicy: {}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("90s").unwrap();
}
