//! From an agent to a gateway that asks for more than an address.

use std::path::Path;

use crds::config::{Auth, ClientTls, CollectorConfig, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};

/// The name in the gateway's certificate; its address is another.
const NAME: &str = "gateway.example";

fn write(dir: &Path, name: &str, text: &str) -> String {
    let file = dir.join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// Certificates of one authority, for the gateway and for the agent.
fn certificates(dir: &Path) -> (Tls, ClientTls) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let ca = write(dir, "ca.crt", &authority.pem());
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap().pem();
        (write(dir, &format!("{name}.crt"), &certificate), write(dir, &format!("{name}.key"), &key.serialize_pem()))
    };
    let (certificate_file, key_file) = issue(NAME);
    let server = Tls { certificate_file, key_file, client_ca_file: Some(ca.clone()) };
    let (cert_file, key_file) = issue("agent");
    let client = ClientTls {
        ca_file: Some(ca),
        cert_file: Some(cert_file),
        key_file: Some(key_file),
        server_name: Some(NAME.to_owned()),
        insecure_skip_verify: false,
    };
    (server, client)
}

async fn agent(gateway: &Collector, tls: Option<ClientTls>, token_file: &str) -> Collector {
    let endpoint = gateway.grpc().replace("http://", "https://");
    let change = |config: &mut CollectorConfig| {
        let forward = config.forward.as_mut().unwrap();
        forward.tls = tls;
        forward.token_file = Some(token_file.to_owned());
        forward.retry_for = "1s".parse().unwrap();
    };
    Collector::agent_with(&endpoint, change).await.unwrap()
}

#[tokio::test]
async fn an_agent_shows_its_certificate_and_its_token_and_takes_a_new_token_without_a_restart() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (server, client) = certificates(dir.path());
    let tokens = write(dir.path(), "tokens", "first\nsecond\n");
    let gateway = Collector::gateway(&engine, |config| {
        config.receivers.otlp.tls = Some(server);
        config.receivers.otlp.auth = Auth { token_files: vec![tokens], ..Auth::default() };
    })
    .await
    .unwrap();
    let shown = write(dir.path(), "shown", "wrong\n");
    let sender = agent(&gateway, Some(client), &shown).await;
    let stranger = agent(&gateway, None, &shown).await;
    let rows = Rows::new("forward", 0);
    let mut ledger = Ledger::new("forward", Mode::ExactlyOnce);

    let refused = OtlpHttp::new(&sender.http()).send(&rows.request(0..10)).await;
    assert!(refused.is_retryable(), "a wrong token is no reason to lose rows: {refused:?}");
    ledger.enter(0..10, &refused);
    write(dir.path(), "shown", "second\n");
    let taken = OtlpHttp::new(&sender.http()).send(&rows.request(0..10)).await;
    assert!(taken.is_accepted(), "{taken:?}");
    ledger.enter(0..10, &taken);
    // Without the authority the gateway could be anybody.
    let unknown = OtlpHttp::new(&stranger.http()).send(&rows.request(10..20)).await;
    assert!(unknown.is_retryable(), "{unknown:?}");
    ledger.enter(10..20, &unknown);
    let account = ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert_eq!(account.stored, 10, "{account:?}");
}
