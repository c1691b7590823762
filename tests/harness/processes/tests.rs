//! The law of processes: none outlives its owner, and its output can be read.

use std::process::Command;
use std::time::Duration;

use super::*;

fn shell(script: &str) -> (Process, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    (Process::start("sh", command, &dir.path().join("log")).unwrap(), dir)
}

#[tokio::test]
async fn a_child_dies_with_its_owner() {
    let (process, _dir) = shell("exec tail -f /dev/null");
    let proc = PathBuf::from(format!("/proc/{}", process.pid()));
    assert!(proc.exists());
    drop(process);
    assert!(!proc.exists());
}

#[tokio::test]
async fn a_child_survives_the_thread_that_started_it() {
    let (mut process, _dir) = std::thread::spawn(|| shell("exec tail -f /dev/null")).join().unwrap();
    assert!(process.wait(Duration::from_millis(100)).await.is_err());
    process.check_running().unwrap();
}

#[tokio::test]
async fn the_output_of_a_child_that_ended_is_shown() {
    let (mut process, _dir) = shell("echo some reason >&2; exit 3");
    let status = process.wait(Duration::from_secs(10)).await.unwrap();
    assert_eq!(status.code(), Some(3));
    assert!(process.check_running().unwrap_err().to_string().contains("some reason"));
}
