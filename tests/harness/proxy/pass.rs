//! One connection through the proxy: comes in two streams, goes out that one of them has ended. Must not hold more
//! than one piece in each direction: back-pressure goes through.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::{Line, Wrong};

const PIECE: usize = 32 << 10;
/// Fewer bytes than this between two answers are a greeting or a question, and no body with rows.
const BODY_AT_LEAST: u64 = 4 << 10;
/// How far into a body it is broken off.
const INTO_BODY: u64 = 12 << 10;
/// A throttled direction passes its share this often a second.
const SHARES_A_SECOND: u32 = 10;

/// How a direction ended.
enum End {
    Closed,
    Reset,
}

/// Passes bytes until one side closes or the fault strikes.
pub(super) async fn both_ways(mut near: TcpStream, mut far: TcpStream, line: &Line) {
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    // Bytes of the sender since the last answer.
    let body = AtomicU64::new(0);
    let end = {
        let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
        tokio::select! {
            end = requests(near_in, far_out, line, &body) => end,
            end = answers(far_in, near_out, line, &body) => end,
        }
    };
    if matches!(end, Ok(End::Reset)) {
        line.broken.fetch_add(1, Ordering::Relaxed);
        // What is closed without lingering ends with a reset.
        let _ = (near.set_zero_linger(), far.set_zero_linger());
    }
}

async fn requests(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, line: &Line, body: &AtomicU64) -> io::Result<End> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return Ok(End::Closed);
        }
        let before = body.fetch_add(count as u64, Ordering::Relaxed);
        let passes = before < INTO_BODY && before + count as u64 >= INTO_BODY;
        if let Wrong::ResetsInBody(one_in) = line.is_wrong()
            && passes
            && line.strikes(one_in)
        {
            return Ok(End::Reset);
        }
        line.pass(&piece[..count], &mut to).await?;
    }
}

async fn answers(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, line: &Line, body: &AtomicU64) -> io::Result<End> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return Ok(End::Closed);
        }
        let was_body = body.swap(0, Ordering::Relaxed) >= BODY_AT_LEAST;
        match line.is_wrong() {
            Wrong::ResetsAfterBody(one_in) if was_body && line.strikes(one_in) => return Ok(End::Reset),
            Wrong::Delays(so_long) => tokio::time::sleep(so_long).await,
            _ => {}
        }
        line.pass(&piece[..count], &mut to).await?;
    }
}

impl Line {
    fn is_wrong(&self) -> Wrong {
        *self.wrong.borrow()
    }

    /// Whether it is the turn of this body, of one in so many.
    fn strikes(&self, one_in: u64) -> bool {
        (self.bodies.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(one_in.max(1))
    }

    async fn pass(&self, mut piece: &[u8], to: &mut WriteHalf<'_>) -> io::Result<()> {
        while let Wrong::Throttles(a_second) = self.is_wrong() {
            let (share, rest) = piece.split_at(piece.len().min((a_second / SHARES_A_SECOND).max(1) as usize));
            to.write_all(share).await?;
            tokio::time::sleep(Duration::from_secs(1) / SHARES_A_SECOND).await;
            piece = rest;
            if piece.is_empty() {
                return Ok(());
            }
        }
        to.write_all(piece).await
    }
}
