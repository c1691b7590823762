use proptest::prelude::*;

use super::*;

fn making() -> impl Strategy<Value = Making> {
    let name = (any::<u128>(), any::<u64>()).prop_map(|(writer, number)| Name { writer, number });
    let what = (0..Table::ALL.len(), any::<u64>(), any::<(u64, u64)>(), any::<(u32, u32)>());
    (name, what, any::<u64>(), any::<u16>()).prop_map(|(name, (table, day, deliveries, records), rows, encoder)| {
        Making {
            name,
            table: Table::ALL[table],
            day,
            deliveries: deliveries.0..=deliveries.1,
            records: records.0..=records.1,
            rows,
            encoder,
        }
    })
}

pub(in crate::spool) fn entry() -> impl Strategy<Value = Entry> {
    let body = prop_oneof![
        10 => prop::collection::vec(any::<u8>(), 0..300),
        1 => (1_usize..5000, any::<u8>()).prop_map(|(size, byte)| vec![byte; size]),
    ];
    let id = (any::<u128>(), any::<u64>(), any::<u64>()).prop_map(|(stream, seq, floor)| Id { stream, seq, floor });
    let to = prop::option::of(any::<u128>().prop_map(Keeper));
    let kept = (any::<u64>(), 0..3_usize, any::<bool>(), any::<u64>(), prop::option::of(id), to, body).prop_map(
        |(seq, signal, is_grpc, received, id, to, body)| {
            let transport = if is_grpc { Transport::Grpc } else { Transport::Http };
            Entry::Kept(Kept { seq, signal: Signal::ALL[signal], transport, received, id, to, body: body.into() })
        },
    );
    let turned = (any::<u64>(), any::<u128>()).prop_map(|(seq, keeper)| Entry::Turned(seq, Keeper(keeper)));
    let known = (any::<u128>(), any::<u64>(), prop::collection::vec(any::<u64>(), 0..20))
        .prop_map(|(stream, floor, above)| Known { stream, floor, above });
    prop_oneof![
        4 => kept,
        1 => making().prop_map(Entry::Block),
        1 => any::<u64>().prop_map(Entry::Done),
        1 => (any::<u64>(), making(), making()).prop_map(|(block, a, b)| Entry::Divided(block, Box::new([a, b]))),
        1 => any::<u64>().prop_map(Entry::Passed),
        1 => any::<u64>().prop_map(Entry::Mark),
        1 => any::<(u64, u64)>().prop_map(|(segment, offset)| Entry::Void { segment, offset }),
        1 => any::<(u128, u128)>().prop_map(|(own, stream)| Entry::Begun { own, stream }),
        1 => known.prop_map(Entry::Known),
        1 => turned,
    ]
}

proptest! {
    #[test]
    fn an_entry_is_read_as_it_was_written(entry in entry(), segment: u64) {
        let mut bytes = Vec::new();
        write(&entry, segment, &mut bytes);
        prop_assert!(bytes.len() <= size_of_kept(5000) + 1);
        let length = bytes.len();
        bytes.extend([7; 20]);
        prop_assert_eq!(read(&bytes.into(), segment), Read::Entry(Box::new(entry), length));
    }

    #[test]
    fn an_entry_of_another_segment_or_with_any_bit_changed_is_none(entry in entry(), segment: u64, at: prop::sample::Index, bit in 0..8_u8) {
        let mut bytes = Vec::new();
        write(&entry, segment, &mut bytes);
        prop_assert_eq!(read(&bytes.clone().into(), segment ^ 1), Read::Nothing);
        let length = bytes.len();
        bytes[at.index(length)] ^= 1 << bit;
        prop_assert!(!matches!(read(&bytes.into(), segment), Read::Entry(..)));
    }

    #[test]
    fn a_part_of_an_entry_is_none(entry in entry(), segment: u64, at: prop::sample::Index) {
        let mut bytes = Vec::new();
        write(&entry, segment, &mut bytes);
        let whole = bytes.len();
        bytes.truncate(at.index(whole));
        let wanted = if bytes.len() < PREFIX { PREFIX } else { whole };
        prop_assert_eq!(read(&bytes.into(), segment), Read::Short(wanted));
    }
}

#[test]
fn tables_keep_their_numbers_on_the_disk() {
    let names = Table::ALL.map(Table::name);
    let wanted = [
        "otel_logs",
        "hyperdx_sessions",
        "otel_traces",
        "otel_metrics_gauge",
        "otel_metrics_sum",
        "otel_metrics_histogram",
        "otel_metrics_exponential_histogram",
        "otel_metrics_summary",
    ];
    assert_eq!(names, wanted, "a new table goes to the end");
}
