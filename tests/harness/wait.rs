//! Bounded, level-triggered waits: comes in a question about state, goes out its answer or the last
//! state seen. Must not wait without a bound.

use std::time::{Duration, Instant};

/// Asks again until the answer is `Ok`; after `bound` it fails with the last answer. Each single
/// question is bounded too, so that a hung one cannot outlive the wait.
pub async fn eventually<T, F>(what: &str, bound: Duration, mut question: F) -> anyhow::Result<T>
where
    F: AsyncFnMut() -> Result<T, String>,
{
    let start = Instant::now();
    let mut pause = Duration::from_millis(5);
    let mut last = String::from("nothing yet");
    while let Some(left) = bound.checked_sub(start.elapsed()) {
        match tokio::time::timeout(left, question()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(state)) => last = state,
            Err(_) => break,
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
    anyhow::bail!("{what}: not within {bound:?}; last state: {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_the_answer() {
        let mut asked = 0;
        let answer = eventually("three questions", Duration::from_secs(5), async || {
            asked += 1;
            if asked == 3 { Ok(asked) } else { Err(format!("asked {asked}")) }
        });
        assert_eq!(answer.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_wait_without_an_answer_names_the_last_state() {
        let failed = eventually::<(), _>("never", Duration::from_millis(30), async || Err("still red".into())).await;
        assert!(failed.unwrap_err().to_string().contains("still red"));
    }
}
