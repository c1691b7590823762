//! An API server for tests. Comes in: answers. Goes out: what was asked. Must not know what it is asked for.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use crate::cluster::Api;

/// An API server that gives the answers of a list, one for each request, and then is silent.
pub(crate) struct Server {
    endpoint: String,
    requests: mpsc::Receiver<String>,
}

impl Server {
    pub(crate) async fn answering(answers: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (told, requests) = mpsc::channel(16);
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (told, answers) = (told.clone(), Arc::clone(&answers));
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let length = socket.read(&mut request).await.unwrap();
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    assert!(request.to_lowercase().contains("authorization: bearer secret\r\n"), "{request}");
                    let next = answers.lock().unwrap().next();
                    let _ = told.send(request.lines().next().unwrap_or_default().to_owned()).await;
                    match next {
                        Some((status, body)) => {
                            let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n\r\n");
                            socket.write_all(head.as_bytes()).await.unwrap();
                            socket.write_all(body.as_bytes()).await.unwrap();
                        }
                        None => std::future::pending().await,
                    }
                });
            }
        });
        Self { endpoint, requests }
    }

    pub(crate) async fn asked(&mut self) -> String {
        tokio::time::timeout(Duration::from_secs(20), self.requests.recv()).await.unwrap().unwrap()
    }

    /// The way to it; its token is a file of this folder.
    pub(crate) fn api(&self, folder: &Path) -> Api {
        let token_file = folder.join("token");
        std::fs::write(&token_file, "secret\n").unwrap();
        Api { endpoint: self.endpoint.clone(), token_file, ca_file: folder.join("none") }
    }
}
