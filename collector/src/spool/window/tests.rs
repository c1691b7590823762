use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const fn id(stream: u128, seq: Seq, floor: Seq) -> Id {
    Id { stream, seq, floor }
}

#[test]
fn a_delivery_is_known_when_it_was_taken_or_was_answered_elsewhere() {
    let mut window = Window::default();
    assert!(!window.knows(&id(1, 5, 5)));
    window.add(&id(1, 7, 5));
    let known: Vec<_> = (0..10).filter(|seq| window.knows(&id(1, *seq, 0))).collect();
    assert_eq!(known, [0, 1, 2, 3, 4, 7]);
    assert!(!window.knows(&id(2, 7, 5)), "another stream has numbers of its own");
    assert!(window.knows(&id(2, 4, 5)), "its own floor says that it was answered");
    window.add(&id(1, 200, 130));
    assert!(window.knows(&id(1, 129, 0)) && !window.knows(&id(1, 130, 0)) && window.knows(&id(1, 200, 0)));
}

#[test]
fn an_older_floor_takes_nothing_back() {
    let mut window = Window::default();
    window.add(&id(1, 90, 80));
    window.add(&id(1, 91, 3));
    assert!(window.knows(&id(1, 50, 0)) && window.knows(&id(1, 90, 0)) && window.knows(&id(1, 91, 0)));
}

#[test]
fn the_streams_used_longest_ago_are_forgotten_when_there_is_no_room() {
    let limit = 100 * STREAM;
    let mut window = Window::default().within(limit);
    let mut forgotten = 0;
    for stream in 0..1_000 {
        forgotten += window.add(&id(stream, 0, 0));
        window.add(&id(0, stream as Seq, stream as Seq));
        assert!(window.bytes() <= limit, "{} bytes after {stream}", window.bytes());
    }
    assert_eq!(window.streams() + forgotten, 1_000);
    assert!(window.streams() > 70, "{} are left", window.streams());
    assert!(window.knows(&id(0, 999, 0)) && window.knows(&id(999, 0, 0)) && !window.knows(&id(1, 0, 0)));
    // In the order of their use: a process that reads them back forgets the same ones.
    let order: Vec<_> = window.all().iter().map(|known| known.stream).collect();
    assert_eq!(order[order.len() - 2..], [999, 0]);
}

#[test]
fn one_stream_that_is_far_behind_its_floor_takes_no_more_than_its_span() {
    let mut window = Window::default();
    for seq in 0..SPAN {
        window.add(&id(1, seq, 0));
    }
    assert!(window.bytes() <= STREAM + SPAN as usize / 8);
    window.add(&id(1, 10 * SPAN, 0));
    assert!(window.bytes() <= STREAM + SPAN as usize / 8, "what is no name is not remembered");
}

proptest! {
    /// Whatever the order in which deliveries come, and however often the window is written down and read back.
    #[test]
    fn exactly_what_was_taken_or_lies_below_a_floor_is_known(
        steps in prop::collection::vec((0..3_u128, 0..300_u64, 0..300_u64, any::<bool>()), 1..60),
    ) {
        let mut window = Window::default();
        let (mut taken, mut floors) = (BTreeSet::new(), [0; 3]);
        for (stream, seq, behind, is_read_back) in steps {
            let name = id(stream, seq, seq.saturating_sub(behind));
            window.add(&name);
            taken.insert((stream, seq));
            let floor: &mut Seq = &mut floors[stream as usize];
            *floor = name.floor.max(*floor);
            if is_read_back {
                let mut next = Window::default();
                // Twice, as where a crash left the segments that were to be given back.
                for known in window.all().iter().chain(&window.all()) {
                    next.join(known);
                }
                prop_assert_eq!(next.all(), window.all());
                prop_assert_eq!(next.bytes(), window.bytes());
                window = next;
            }
        }
        for (stream, floor) in (0..3_u128).zip(floors) {
            for seq in 0..400 {
                let is_known = seq < floor || taken.contains(&(stream, seq));
                prop_assert_eq!(window.knows(&id(stream, seq, 0)), is_known, "{} of {}", seq, stream);
            }
        }
    }
}
