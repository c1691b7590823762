//! A page in a real browser, watched by ClickStack's SDK for browsers: comes in where the SDK is to send, goes out an
//! open page, whose session, spans and console the SDK sends every few seconds. The page closes with its owner.

use std::time::Duration;

use tempfile::TempDir;

use super::{installed, node, program};
use crate::http::Http;
use crate::ports::free_port;
use crate::processes::Process;
use crate::wait::eventually;

/// An open page.
#[derive(Debug)]
pub struct Page {
    _server: Process,
    _browser: Process,
    _dir: TempDir,
}

impl Page {
    pub async fn open(endpoint: &str, key: &str, service: &str, run_id: &str) -> anyhow::Result<Page> {
        let dir = tempfile::tempdir()?;
        let port = free_port("127.0.0.1")?.to_string();
        let mut server = node("page.js")?;
        server.args([&port, endpoint, key, service, run_id]);
        installed("target/senders/browser")?;
        let mut browser = program("chromium");
        // A browser that runs as root has no sandbox; its profile is its own, and it asks nobody for updates.
        browser.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]);
        browser.args(["--enable-logging=stderr", &format!("--user-data-dir={}", dir.path().join("profile").display())]);
        let url = format!("http://127.0.0.1:{port}/");
        browser.arg(&url);
        let server = Process::start("page", server, &dir.path().join("page.log"))?;
        // The browser does not ask twice for a page that is not there yet.
        let http = Http::default();
        eventually("the page is served", Duration::from_secs(20), async || {
            http.get(&url).await.map_err(|error| format!("{error:#}"))
        })
        .await?;
        let browser = Process::start("browser", browser, &dir.path().join("browser.log"))?;
        Ok(Page { _server: server, _browser: browser, _dir: dir })
    }
}
