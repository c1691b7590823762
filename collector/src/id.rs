//! What a delivery is called between collectors, so that one that is sent again is known.
//!
//! A collector with a spool calls each delivery by a stream, which no other process ever had, and the number it keeps it
//! under. It sends both along, and with them the floor: the first number that is not answered for. Whoever keeps
//! deliveries remembers the floor and what it has taken above; everything below has been answered and never comes again.
//! Others ignore the name. Pure.

use crate::making::Seq;

/// The header of a request that says what it is called.
pub const HEADER: &str = "clickstack-delivery";

/// The header of a request that only one collector may take, and of every answer of a collector that keeps what it takes:
/// which one that is.
pub const KEEPER_HEADER: &str = "clickstack-keeper";

/// How far a sender is ahead of its floor at the most: what a receiver has to remember of a stream. More than deliveries
/// under way, of which there are 1,024, so that one that is stuck holds up the others only after a minute at a thousand a
/// second.
pub const SPAN: u64 = 1 << 16;

/// The name of a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Id {
    /// Of the process that kept it first.
    pub stream: u128,
    pub seq: Seq,
    /// Every delivery of the stream below is answered for.
    pub floor: Seq,
}

/// A collector that keeps what it takes and knows it again, for as long as it has that spool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keeper(pub u128);

impl Id {
    /// As a header.
    pub fn text(&self) -> String {
        format!("{:032x}-{:x}-{:x}", self.stream, self.seq, self.floor)
    }

    /// What a header says; none where it is not one of ours, or too far ahead to be remembered.
    pub fn of(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (stream, seq, floor) = (parts.next()?, parts.next()?, parts.next()?);
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let id = Self { stream: u128::from_str_radix(stream, 16).ok()?, seq: number(seq)?, floor: number(floor)? };
        let is_near = id.seq.checked_sub(id.floor).is_none_or(|ahead| ahead < SPAN);
        (is_near && id.text() == text).then_some(id)
    }
}

impl Keeper {
    /// As a header.
    pub fn text(self) -> String {
        format!("{:032x}", self.0)
    }

    pub fn of(text: &str) -> Option<Self> {
        let keeper = Self(u128::from_str_radix(text, 16).ok()?);
        (keeper.text() == text).then_some(keeper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_sent_and_nothing_else_is_a_name() {
        let id = Id { stream: 7 << 100, seq: 0x1_2345, floor: 0x1_0000 };
        assert_eq!(id.text(), "00000070000000000000000000000000-12345-10000");
        assert_eq!(Id::of(&id.text()), Some(id));
        let others =
            ["", "-", "7-1-0", "00000070000000000000000000000000-12345", "+0000070000000000000000000000000-1-0"];
        for text in others {
            assert_eq!(Id::of(text), None, "{text}");
        }
        assert_eq!(Id::of(&format!("{}-0", id.text())), None);
    }

    #[test]
    fn a_keeper_is_read_as_it_was_told() {
        assert_eq!(Keeper::of(&Keeper(1 << 90).text()), Some(Keeper(1 << 90)));
        assert_eq!(Keeper::of("1"), None);
    }

    #[test]
    fn what_is_too_far_ahead_to_be_remembered_has_no_name() {
        let id = |seq, floor| Id { stream: 1, seq, floor };
        assert!(Id::of(&id(SPAN - 1, 0).text()).is_some());
        assert!(Id::of(&id(SPAN, 0).text()).is_none());
        // Answered by another gateway meanwhile.
        assert!(Id::of(&id(3, 9).text()).is_some());
    }
}
