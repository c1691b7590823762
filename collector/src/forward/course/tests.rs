use std::net::SocketAddr;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tonic::Status;

use super::*;
use crate::making::Notice;

const PATIENCE: Duration = Duration::from_secs(60);
const A: Keeper = Keeper(1);
const B: Keeper = Keeper(2);

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Two gateways that have said who they are.
fn peers() -> Peers {
    let peers = Peers::new("http://gateways:1", None).unwrap();
    peers.set(vec![at(1), at(2)]);
    peers.met(at(1), Who::Keeper(A));
    peers.met(at(2), Who::Keeper(B));
    peers
}

fn course(to: Option<Keeper>, is_doubtful: bool) -> (Course, UnboundedReceiver<Notice>) {
    let (notices, noticed) = unbounded_channel();
    (Course::new(Errand::new(7, to, is_doubtful, notices), PATIENCE), noticed)
}

/// Whose turn it is, and whether that has to be written down first.
fn turn(course: &mut Course, peers: &Peers) -> Option<(Who, bool)> {
    match course.turn(peers) {
        Turn::Same(peer) => Some((peer.who, false)),
        Turn::Other(peer) => Some((peer.who, true)),
        Turn::Nobody => None,
    }
}

/// A connection that broke.
fn broken() -> Failure {
    Status::from_error(Box::new(std::io::Error::other("reset"))).into()
}

/// A word of a gateway that says who it is.
fn refused() -> Failure {
    let mut status = Status::unavailable("full");
    status.metadata_mut().insert(crate::id::KEEPER_HEADER, A.text().parse().unwrap());
    status.into()
}

#[tokio::test(start_paused = true)]
async fn what_may_be_with_a_gateway_goes_to_no_other_while_there_is_patience() {
    let (peers, mut course) = (peers(), course(Some(A), false).0);
    assert_eq!(turn(&mut course, &peers), Some((Who::Keeper(A), false)), "for whom it was kept");
    course.failed(&broken());
    peers.avoid(at(1));
    assert_eq!(turn(&mut course, &peers), Some((Who::Keeper(A), false)));
    peers.met(at(1), Who::Keeper(Keeper(3)));
    assert_eq!(turn(&mut course, &peers), None, "another has its address");
    tokio::time::advance(PATIENCE - Duration::from_secs(1)).await;
    // It is refused an answer: that says nothing of the try before.
    course.failed(&refused());
    assert_eq!(turn(&mut course, &peers), None);
    peers.met(at(1), Who::Keeper(A));
    assert_eq!(turn(&mut course, &peers), Some((Who::Keeper(A), false)), "it is back");
    peers.met(at(1), Who::Keeper(Keeper(3)));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(turn(&mut course, &peers).unwrap().1);
}

#[tokio::test]
async fn what_no_gateway_can_have_goes_to_another_at_once() {
    let peers = peers();
    let mut unlucky = course(Some(A), false).0;
    peers.avoid(at(1));
    assert_eq!(turn(&mut unlucky, &peers), Some((Who::Keeper(B), true)), "it does not answer");
    let mut unwanted = course(Some(B), false).0;
    unwanted.failed(&refused());
    peers.avoid(at(2));
    peers.set(vec![at(2), at(4)]);
    peers.met(at(4), Who::Keeper(A));
    assert_eq!(turn(&mut unwanted, &peers), Some((Who::Keeper(A), true)), "it has no room");
    let mut gone = course(Some(Keeper(3)), false).0;
    assert!(turn(&mut gone, &peers).unwrap().1, "it is not there any more");
}

#[tokio::test]
async fn what_is_kept_goes_to_nobody_who_has_not_said_who_he_is() {
    let peers = Peers::new("http://gateways:1", None).unwrap();
    let mut course = course(None, false).0;
    assert_eq!(turn(&mut course, &peers), None);
    peers.set(vec![at(1)]);
    assert_eq!(turn(&mut course, &peers), None);
    peers.met(at(1), Who::Forgetful);
    assert_eq!(turn(&mut course, &peers), Some((Who::Forgetful, false)), "who forgets is as good as anybody");
    peers.met(at(1), Who::Keeper(A));
    assert_eq!(turn(&mut course, &peers), Some((Who::Keeper(A), true)));
}

#[tokio::test]
async fn a_delivery_is_turned_to_another_when_the_disk_has_it_and_is_told_where_it_may_be_twice() {
    let (peers, (mut course, mut noticed)) = (peers(), course(Some(A), true));
    let peer = peers.find(B).unwrap();
    let writer = async {
        match noticed.recv().await {
            Some(Notice::Turned(7, B, done)) => done.send(()).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let ((is_written, may_be_twice), ()) = tokio::join!(course.turn_to(&peer), writer);
    assert!(is_written && may_be_twice);
    assert_eq!(turn(&mut course, &peers), Some((Who::Keeper(B), false)));
    drop(noticed);
    let peer = peers.find(A).unwrap();
    assert_eq!(course.turn_to(&peer).await, (false, false), "nobody writes any more");
    assert_eq!(course.to(), Some(B));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_takes_anything_turns_become_rare_and_the_disk_is_left_alone() {
    let (peers, (mut course, mut noticed)) = (peers(), course(Some(A), false));
    let mut turns = 0;
    for _ in 0..3600 {
        if let Turn::Other(peer) = course.turn(&peers) {
            let writer = async {
                match noticed.recv().await {
                    Some(Notice::Turned(_, _, done)) => done.send(()).unwrap(),
                    other => panic!("{other:?}"),
                }
            };
            assert!(tokio::join!(course.turn_to(&peer), writer).0.0);
            turns += 1;
        }
        course.failed(&refused());
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!((8..=24).contains(&turns), "{turns} within an hour");
    peers.avoid(at(1));
    peers.avoid(at(2));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(matches!(course.turn(&peers), Turn::Same(_)), "one that does not answer either is no better");
}

#[tokio::test]
async fn what_a_gateway_without_memory_may_have_waits_for_nobody() {
    let peers = Peers::new("http://gateways:1", None).unwrap();
    peers.set(vec![at(1)]);
    peers.met(at(1), Who::Forgetful);
    let mut course = course(None, false).0;
    course.failed(&broken());
    assert_eq!(turn(&mut course, &peers), Some((Who::Forgetful, false)));
}
