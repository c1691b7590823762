use std::path::Path;

use prometheus_client::registry::Registry;
use tokio::time::timeout;

use super::*;
use crate::{
    ack::Ack,
    handover::{pack, tests::sealed},
    spool::dead::DeadLetters,
};

const NAME: Name = Name { writer: 7, number: 3 };
const SOON: Duration = Duration::from_secs(10);

struct Running {
    handovers: mpsc::Sender<Handover>,
    blocks: mpsc::Receiver<Block>,
    end: tokio::task::JoinHandle<()>,
}

fn start(spool: &Path, limit: u64) -> Running {
    let (block_sender, blocks) = mpsc::channel(1);
    let (handovers, handed_over) = mpsc::channel(1);
    let shelf = Shelf {
        folder: Folder::of(spool, limit).unwrap(),
        blocks: block_sender,
        room: Budget::new(1 << 20),
        metrics: Arc::new(ShelfMetrics::new(&mut Registry::default())),
    };
    Running { handovers, blocks, end: tokio::spawn(shelf.run(handed_over)) }
}

impl Running {
    async fn hand(&self, body: Bytes) -> Outcome {
        let (ack, answer) = Ack::unbacked();
        self.handovers.send(Handover { body, ack }).await.unwrap();
        timeout(SOON, answer.outcome()).await.unwrap()
    }

    async fn block(&mut self) -> Block {
        timeout(SOON, self.blocks.recv()).await.unwrap().unwrap()
    }
}

fn files(spool: &Path) -> usize {
    std::fs::read_dir(spool.join("siblings")).unwrap().count()
}

const TAKEN: Outcome = Outcome::Delivered { rejected: 0 };

#[tokio::test]
async fn a_block_is_kept_until_it_is_stored_and_offered_again_by_the_next_process() {
    let spool = tempfile::tempdir().unwrap();
    let first = start(spool.path(), 1 << 20);
    assert_eq!(first.hand(pack(&sealed(5), NAME)).await, TAKEN);
    first.end.abort();
    drop(first.blocks);
    let mut second = start(spool.path(), 1 << 20);
    let block = second.block().await;
    let receipt = block.receipt.unwrap();
    assert_eq!((receipt.making.name, block.rows), (NAME, 5), "under the name its first gateway gave it");
    drop(second.handovers);
    assert!(!second.end.is_finished(), "what is not stored is waited for");
    receipt.tell(Fate::Stored);
    timeout(SOON, second.end).await.unwrap().unwrap();
    assert_eq!(files(spool.path()), 0);
}

#[tokio::test]
async fn a_block_whose_answer_was_lost_is_not_there_twice() {
    let spool = tempfile::tempdir().unwrap();
    let shelf = start(spool.path(), 1 << 20);
    for _ in 0..2 {
        assert_eq!(shelf.hand(pack(&sealed(5), NAME)).await, TAKEN);
    }
    assert_eq!(files(spool.path()), 1);
}

#[tokio::test]
async fn a_block_that_is_damaged_gives_way_to_a_good_copy() {
    let spool = tempfile::tempdir().unwrap();
    let good = pack(&sealed(5), NAME);
    let first = start(spool.path(), 1 << 20);
    assert_eq!(first.hand(good.clone()).await, TAKEN);
    first.end.abort();
    drop(first.blocks);
    let file = std::fs::read_dir(spool.path().join("siblings")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, &good[..good.len() / 2]).unwrap();
    let mut second = start(spool.path(), 1 << 20);
    // It is known until it has been looked at, and then taken anew.
    let block = timeout(SOON, async {
        loop {
            assert_eq!(second.hand(good.clone()).await, TAKEN);
            if let Ok(block) = second.blocks.try_recv() {
                return block;
            }
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(block.await.unwrap().rows, 5);
    assert_eq!(std::fs::read(&file).unwrap(), good);
}

#[tokio::test]
async fn what_is_stored_is_inserted_once_though_its_file_cannot_be_put_away() {
    let spool = tempfile::tempdir().unwrap();
    let mut shelf = start(spool.path(), 1 << 20);
    assert_eq!(shelf.hand(pack(&sealed(5), NAME)).await, TAKEN);
    let receipt = shelf.block().await.receipt.unwrap();
    let file = std::fs::read_dir(spool.path().join("siblings")).unwrap().next().unwrap().unwrap().path();
    // A folder in its place is nothing that can be removed as a file.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    receipt.tell(Fate::Stored);
    let beyond = PAUSE * 2;
    assert!(timeout(beyond, shelf.blocks.recv()).await.is_err(), "it is not inserted again");
    std::fs::remove_dir(&file).unwrap();
    drop(shelf.handovers);
    timeout(SOON, shelf.end).await.unwrap().unwrap();
}

#[tokio::test]
async fn without_room_a_sibling_is_sent_to_another() {
    let spool = tempfile::tempdir().unwrap();
    let shelf = start(spool.path(), 4096);
    assert!(shelf.hand(pack(&sealed(5), NAME)).await.is_retry());
    assert!(matches!(shelf.hand(Bytes::from_static(b"hello")).await, Outcome::Reject(_)));
    assert_eq!(files(spool.path()), 0);
}

#[tokio::test]
async fn a_block_that_is_refused_for_good_becomes_a_letter() {
    let spool = tempfile::tempdir().unwrap();
    let mut shelf = start(spool.path(), 1 << 20);
    assert_eq!(shelf.hand(pack(&sealed(5), NAME)).await, TAKEN);
    shelf.block().await.receipt.unwrap().tell(Fate::Refused(117));
    drop(shelf.handovers);
    timeout(SOON, shelf.end).await.unwrap().unwrap();
    let letters = DeadLetters::of(spool.path());
    let (heading, body) = letters.read(&letters.names().unwrap()[0]).unwrap();
    assert_eq!((heading.signal.as_str(), heading.table.as_deref()), ("block", Some("otel_logs")));
    assert_eq!(body, pack(&sealed(5), NAME));
    assert_eq!(files(spool.path()), 0);
}
