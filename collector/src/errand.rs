//! To whom a delivery that is kept goes.
//!
//! A gateway knows what it keeps, and not what others keep. So a delivery that may be with one gateway goes to no other,
//! and whom it is sent to stands on the disk before it is sent. Mostly that costs nothing: who is to have a delivery is
//! chosen while it is written down. Where another has to be chosen later, that is one more entry in some commit.

use tokio::sync::{mpsc::UnboundedSender, oneshot};

use crate::{
    id::Keeper,
    making::{Notice, Seq},
};

/// Who knows gateways.
pub trait Choose: std::fmt::Debug + Send + Sync {
    /// The one whose turn it is. None: nobody is known to be there.
    fn choose(&self) -> Option<Keeper>;
}

/// The errand of one delivery.
#[derive(Debug)]
pub struct Errand {
    seq: Seq,
    to: Option<Keeper>,
    /// It may be with `to` already.
    pub is_doubtful: bool,
    notices: UnboundedSender<Notice>,
}

impl Errand {
    pub const fn new(seq: Seq, to: Option<Keeper>, is_doubtful: bool, notices: UnboundedSender<Notice>) -> Self {
        Self { seq, to, is_doubtful, notices }
    }

    /// Whom it is to be sent to, as the disk says.
    pub const fn to(&self) -> Option<Keeper> {
        self.to
    }

    /// From now on it goes to this one. False: that could not be told to the disk, because the process is at its end.
    pub async fn turn_to(&mut self, keeper: Keeper) -> bool {
        let (done, is_done) = oneshot::channel();
        let is_written = self.notices.send(Notice::Turned(self.seq, keeper, done)).is_ok() && is_done.await.is_ok();
        if is_written {
            (self.to, self.is_doubtful) = (Some(keeper), false);
        }
        is_written
    }

    /// It goes to somebody who keeps nothing.
    pub const fn goes_to_anybody(&mut self) {
        (self.to, self.is_doubtful) = (None, false);
    }
}
