//! Real sockets, and senders with addresses of their own.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

use super::*;

/// What a connection hears first, where it is served.
const WELCOME: u8 = b'w';

async fn connected(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Whether it is served; otherwise it is closed.
async fn is_served(connection: &mut TcpStream) -> bool {
    let first = tokio::time::timeout(Duration::from_secs(10), connection.read_u8()).await.unwrap();
    first.is_ok_and(|byte| byte == WELCOME)
}

async fn serve_to_the_end(mut socket: Socket) {
    let _ = socket.write_all(&[WELCOME]).await;
    let _ = socket.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn a_sender_that_takes_all_connections_it_can_leaves_some_for_another() {
    const MANY: [u8; 4] = [127, 0, 0, 1];
    const OTHER: [u8; 4] = [127, 0, 0, 2];
    let mut registry = Registry::default();
    let metrics = Arc::new(Metrics::new(&mut registry));
    let seats = Seats::of(8, "syslog", metrics);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(serve(listener, None, seats, |socket, _, _| serve_to_the_end(socket), stopping));
    let mut served = Vec::new();
    for number in 0..8 {
        let mut connection = connected(MANY, to).await;
        let is_served = is_served(&mut connection).await;
        assert_eq!(is_served, number < 4, "{number}");
        served.extend(is_served.then_some(connection));
    }
    let mut other = connected(OTHER, to).await;
    assert!(is_served(&mut other).await);
    let text = crate::metrics::text(&registry);
    assert!(text.contains("closed_connections_total{receiver=\"syslog\",reason=\"share\"} 4"), "{text}");
    // Those of a sender that has gone are free again.
    served.clear();
    let again = async {
        while !is_served(&mut connected(MANY, to).await).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.unwrap();
    drop(other);
    stop.send_replace(true);
    serving.await.unwrap();
}
