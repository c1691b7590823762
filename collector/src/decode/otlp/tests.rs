//! The one-pass decoder against the official messages: same values, same refusals, for every signal.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use proptest::{collection::vec, prelude::*};
use prost::Message;

use super::value::any_value;
use crate::{record::Malformed, signal::Signal};

pub(crate) mod disorder;
pub(crate) mod generate;
mod official;
mod seen;

use disorder::{Dice, disordered, has_values_in_two_parts};
use generate::request;
use seen::Seen;

proptest! {
    #[test]
    fn every_valid_request_gives_the_records_of_the_official_decoder((signal, wire) in request()) {
        prop_assert_eq!(Seen::by_decoder(signal, &wire).unwrap(), official::read(signal, &wire).unwrap());
    }

    #[test]
    fn fields_may_stand_in_any_order_with_unknown_ones_between((signal, wire) in request(), seed in any::<u64>()) {
        let wire = disordered(&wire, disorder::of_signal(signal), &mut Dice(seed));
        prop_assert_eq!(Seen::by_decoder(signal, &wire).unwrap(), official::read(signal, &wire).unwrap());
    }

    #[test]
    fn a_damaged_request_is_refused_or_read_as_the_official_decoder_reads_it(
        (signal, mut wire) in request(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        if !wire.is_empty() {
            let at = at.index(wire.len());
            wire[at] = byte;
            wire.truncate(cut.index(wire.len()).max(at) + 1);
        }
        let seen = Seen::by_decoder(signal, &wire);
        // Where the official decoder refuses, less may be refused: text that is not UTF-8 is stored as it is, and a
        // record that cannot be read costs itself alone.
        if let Ok(official) = official::read(signal, &wire)
            && !has_values_in_two_parts(&wire, disorder::of_signal(signal))
            && !official.records.iter().any(|record| record.contains("StringValueStrindex"))
        {
            prop_assert_eq!(seen, Ok(official));
        }
    }

    #[test]
    fn noise_never_panics(noise in vec(any::<u8>(), 0..200)) {
        for signal in Signal::ALL {
            let _ = Seen::by_decoder(signal, &noise);
        }
    }
}

/// `true` in so many lists.
fn nested(lists: usize) -> AnyValue {
    let innermost = AnyValue { value: Some(any_value::Value::BoolValue(true)) };
    (0..lists).fold(innermost, |value, _| AnyValue {
        value: Some(any_value::Value::ArrayValue(ArrayValue { values: vec![value] })),
    })
}

#[test]
fn whatever_depth_the_official_decoder_takes_is_taken() {
    for lists in 0..60 {
        let attribute = KeyValue { key: "deep".into(), value: Some(nested(lists)), ..Default::default() };
        let long = |field: u8, message: &[u8]| {
            let mut out = vec![field << 3 | 2];
            prost::encoding::encode_varint(message.len() as u64, &mut out);
            [&out, message].concat()
        };
        let attribute = attribute.encode_to_vec();
        for (signal, record) in [
            (Signal::Logs, long(6, &attribute)),
            (Signal::Traces, long(11, &long(3, &attribute))),
            (Signal::Metrics, long(5, &long(1, &long(5, &long(7, &attribute))))),
        ] {
            let wire = long(1, &long(2, &long(2, &record)));
            match official::read(signal, &wire) {
                Ok(official) => assert_eq!(Seen::by_decoder(signal, &wire), Ok(official), "{lists}"),
                Err(_) => assert!(lists > 40, "{signal:?} {lists}"),
            }
        }
    }
}

#[test]
fn nesting_beyond_the_limit_is_refused_and_does_not_overflow_the_stack() {
    let mut value = AnyValue { value: Some(any_value::Value::BoolValue(true)) }.encode_to_vec();
    for _ in 0..10_000 {
        for field in [1, 5] {
            let mut outer = Vec::new();
            prost::encoding::encode_key(field, prost::encoding::WireType::LengthDelimited, &mut outer);
            prost::encoding::encode_varint(value.len() as u64, &mut outer);
            outer.extend_from_slice(&value);
            value = outer;
        }
        if value.len() > 60_000 {
            break;
        }
    }
    assert_eq!(any_value(&value), Err(Malformed::TooDeep));
}
