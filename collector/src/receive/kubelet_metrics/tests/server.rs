//! A kubelet over TLS that answers what it is told to.

use std::{path::Path, sync::Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

use super::{client::LARGEST_ANSWER, *};

const GOOD: &str = r#"{"node": {"nodeName": "n", "cpu": {"usageNanoCores": 5}}, "pods": []}"#;

/// Each answer once; then silence.
struct Server {
    folder: tempfile::TempDir,
    endpoint: String,
    asked: watch::Receiver<Vec<String>>,
}

fn head(status: u16, length: usize) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n")
}

fn answer(status: u16, body: &str) -> String {
    head(status, body.len()) + body
}

impl Server {
    async fn answering(answers: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tls = certified(folder.path());
        std::fs::write(folder.path().join("token"), "secret\n").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://{}/", listener.local_addr().unwrap());
        let (told, asked) = watch::channel(Vec::new());
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, told, answers) = (tls.clone(), told.clone(), Arc::clone(&answers));
                tokio::spawn(async move {
                    let Ok(mut socket) = tls.accept(socket).await else { return };
                    let mut request = vec![0; 4096];
                    let length = socket.read(&mut request).await.unwrap_or(0);
                    if length == 0 {
                        return;
                    }
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    told.send_modify(|told| told.push(request));
                    let next = answers.lock().unwrap().next();
                    let Some(next) = next else { return std::future::pending().await };
                    // A client that has read enough hangs up.
                    let _ = socket.write_all(next.as_bytes()).await;
                    let _ = socket.shutdown().await;
                });
            }
        });
        Self { folder, endpoint, asked }
    }

    fn kubelet(&self, ca: &str, is_insecure: bool) -> Kubelet {
        let config = KubeletMetrics {
            endpoint: Some(self.endpoint.clone()),
            insecure_skip_verify: is_insecure,
            ..KubeletMetrics::default()
        };
        let file = |name| self.folder.path().join(name);
        let api = Api { endpoint: String::new(), token_file: file("token"), ca_file: file(ca) };
        Kubelet::new(&config, &Node::default(), &api, None).unwrap()
    }
}

/// A certificate for this address; its authority in `ca`, and one that has not signed it in `other`.
fn certified(folder: &Path) -> TlsAcceptor {
    let authority = || {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (own, other) = (authority(), authority());
    std::fs::write(folder.join("ca"), own.pem()).unwrap();
    std::fs::write(folder.join("other"), other.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &own).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}

#[tokio::test]
async fn a_kubelet_of_the_cluster_is_asked_with_the_token_and_no_other_is_shown_it() {
    let server = Server::answering(vec![answer(200, GOOD), answer(200, GOOD)]).await;
    let reading = server.kubelet("ca", false).read(5).await;
    assert_eq!((reading.missing.as_str(), reading.requests.len()), ("", 1));
    let asked = server.asked.borrow()[0].to_lowercase();
    assert!(asked.starts_with("get /stats/summary http/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: bearer secret\r\n"), "{asked}");

    let reading = server.kubelet("other", false).read(5).await;
    assert!(reading.missing.contains("or set insecureSkipVerify"), "{}", reading.missing);
    assert!(reading.requests.is_empty() && server.asked.borrow().len() == 1, "no token is shown");
    let reading = server.kubelet("other", true).read(5).await;
    assert_eq!((reading.missing.as_str(), reading.requests.len()), ("", 1));
}

#[tokio::test]
async fn an_answer_that_is_no_summary_is_told_and_costs_no_other() {
    let forbidden = answer(403, "Forbidden (verb=get, resource=nodes,\n subresource(s)=[stats])");
    let large = head(200, LARGEST_ANSWER + 1) + &" ".repeat(LARGEST_ANSWER + 1);
    let answers = vec![
        forbidden,
        answer(200, "<html>"),
        answer(200, r#"{"pods": 7}"#),
        large,
        head(200, 100) + r#"{"node": "#,
        answer(
            200,
            r#"{"node": {"cpu": "all"}, "pods": [7, {"podRef": {}}, {"podRef": {"name": "a", "namespace": "b", "uid": "c"}, "memory": {"rssBytes": 1}}]}"#,
        ),
        answer(200, GOOD),
    ];
    let server = Server::answering(answers).await;
    let mut kubelet = server.kubelet("ca", false);
    for (expected, points) in [
        ("answers 403 Forbidden: Forbidden (verb=get, resource=nodes, subresource(s)=[stats])", 0),
        ("the kubelet's answer is not understood", 0),
        ("the kubelet's answer is not understood", 0),
        ("is larger than 16777216 bytes", 0),
        ("breaks off", 0),
        ("the node is not understood", 1),
        ("", 1),
    ] {
        let reading = kubelet.read(5).await;
        assert!(reading.missing.contains(expected), "{expected}: {}", reading.missing);
        assert_eq!(reading.requests.iter().map(Request::points).sum::<u64>(), points, "{expected}");
    }
}

#[tokio::test]
async fn a_kubelet_that_says_nothing_is_left_and_asked_again() {
    let mut server = Server::answering(Vec::new()).await;
    let mut kubelet = server.kubelet("ca", false);
    for times in 1..3 {
        tokio::select! {
            reading = kubelet.read(5) => panic!("{reading:?}"),
            asked = server.asked.wait_for(|asked| asked.len() == times) => drop(asked),
        }
    }
}

#[tokio::test]
async fn a_kubelet_that_is_not_there_is_told() {
    let server = Server::answering(Vec::new()).await;
    let mut kubelet = server.kubelet("none", false);
    assert!(kubelet.read(5).await.missing.contains("cannot speak TLS: cannot read"));
    let config = KubeletMetrics { endpoint: Some("https://127.0.0.1:1".into()), ..KubeletMetrics::default() };
    let api = Api {
        endpoint: String::new(),
        token_file: server.folder.path().join("token"),
        ca_file: server.folder.path().join("ca"),
    };
    let missing = Kubelet::new(&config, &Node::default(), &api, None).unwrap().read(5).await.missing;
    assert!(missing.contains("https://127.0.0.1:1 cannot be reached"), "{missing}");
}
