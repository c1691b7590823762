//! The law of the proxy: it passes everything on, and a fault is the one that was asked for.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const BODY: usize = 64 << 10;

/// Answers one byte to each body, and says how many whole bodies it had.
async fn server() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, bodies) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&bodies);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bodies = Arc::clone(&counted);
            tokio::spawn(async move {
                while stream.read_exact(&mut vec![0; BODY]).await.is_ok() {
                    bodies.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(b"y").await.unwrap();
                }
            });
        }
    });
    (address, bodies)
}

async fn ask(proxy: &Proxy) -> std::io::Result<u8> {
    let mut stream = TcpStream::connect(proxy.address).await?;
    stream.write_all(&[7; BODY]).await?;
    stream.read_u8().await
}

#[tokio::test]
async fn without_a_fault_it_passes_everything_on() {
    let (address, bodies) = server().await;
    let proxy = Proxy::start(address).await.unwrap();
    assert_eq!(ask(&proxy).await.unwrap(), b'y');
    assert_eq!((bodies.load(Ordering::Relaxed), proxy.broken()), (1, 0));
}

#[tokio::test]
async fn a_refusal_ends_what_is_open_and_is_over_when_it_is_taken_back() {
    let (address, _) = server().await;
    let proxy = Proxy::start(address).await.unwrap();
    let mut open = TcpStream::connect(proxy.address).await.unwrap();
    open.write_all(&[7; 100]).await.unwrap();
    proxy.set(Wrong::Refuses).await.unwrap();
    assert!(open.read_u8().await.is_err());
    assert!(ask(&proxy).await.is_err());
    proxy.set(Wrong::Nothing).await.unwrap();
    assert_eq!(ask(&proxy).await.unwrap(), b'y');
}

#[tokio::test]
async fn a_reset_in_the_body_leaves_the_server_without_it() {
    let (address, bodies) = server().await;
    let proxy = Proxy::start(address).await.unwrap();
    proxy.set(Wrong::ResetsInBody(2)).await.unwrap();
    assert_eq!(ask(&proxy).await.unwrap(), b'y');
    assert!(ask(&proxy).await.is_err());
    assert_eq!((bodies.load(Ordering::Relaxed), proxy.broken()), (1, 1));
}

#[tokio::test]
async fn a_reset_after_the_body_swallows_the_answer_alone() {
    let (address, bodies) = server().await;
    let proxy = Proxy::start(address).await.unwrap();
    proxy.set(Wrong::ResetsAfterBody(1)).await.unwrap();
    assert!(ask(&proxy).await.is_err());
    assert_eq!((bodies.load(Ordering::Relaxed), proxy.broken()), (1, 1));
}

#[tokio::test]
async fn a_delay_holds_the_answer_and_a_throttle_the_body() {
    let (address, _) = server().await;
    let proxy = Proxy::start(address).await.unwrap();
    for wrong in [Wrong::Delays(Duration::from_millis(300)), Wrong::Throttles(200_000)] {
        proxy.set(wrong).await.unwrap();
        let start = std::time::Instant::now();
        assert_eq!(ask(&proxy).await.unwrap(), b'y');
        assert!(start.elapsed() > Duration::from_millis(250), "{wrong:?}: {:?}", start.elapsed());
    }
}
