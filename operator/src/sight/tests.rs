use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

/// Answers one connection with `answer` and returns what was asked.
async fn once(answer: String) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let read = stream.read(&mut asked).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&asked[..read]).into_owned()
    });
    (address, asked)
}

#[tokio::test]
async fn who_knows_something_asks_for_news_and_waits_for_them() {
    let (address, asked) = once("HTTP/1.1 304 Not Modified\r\n\r\n".to_owned()).await;
    let answer = ask(address, Some("\"t\""), Duration::from_secs(15)).await.unwrap();
    assert!(matches!(answer, Answer::Same));
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("GET /destination HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("if-none-match: \"t\"\r\n") && asked.contains("prefer: wait=15\r\n"), "{asked}");
}

#[tokio::test]
async fn what_a_gateway_tells_is_read_and_kinds_of_a_later_version_too() {
    let body = r#"{"schema":"Current","trouble":{"kind":"Eclipse","message":"m","since":7},"more":1}"#;
    let length = body.len();
    let (address, _) = once(format!("HTTP/1.1 200 OK\r\netag: \"x\"\r\ncontent-length: {length}\r\n\r\n{body}")).await;
    let Answer::News { destination, tag } = ask(address, None, Duration::ZERO).await.unwrap() else { panic!() };
    assert_eq!(tag.as_deref(), Some("\"x\""));
    assert_eq!(destination.trouble.unwrap().kind, crds::destination::Kind::Other);
}

#[tokio::test]
async fn a_gateway_that_talks_without_end_is_cut_short() {
    let (address, _) = once(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(64 << 10))).await;
    assert!(ask(address, None, Duration::ZERO).await.is_err());
}

#[test]
fn many_gateways_are_asked_no_more_often_together_than_fifty_times_a_second() {
    assert_eq!(pace(400), (WAIT, PAUSE));
    let (wait, pause) = pace(4000);
    assert_eq!((wait, pause), (Duration::ZERO, Duration::from_secs(80)));
}
