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
    let what = (any::<u64>(), 0..3_usize, any::<bool>(), any::<u64>());
    let kept = (what, prop::option::of(id), to, prop::option::of(positions()), body).prop_map(
        |((seq, signal, is_grpc, received), id, to, positions, body)| {
            let transport = if is_grpc { Transport::Grpc } else { Transport::Http };
            let (signal, body) = (Signal::ALL[signal], body.into());
            Entry::Kept(Kept { seq, signal, transport, received, id, to, positions, body })
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
        1 => positions().prop_map(Entry::Positions),
    ]
}

fn positions() -> impl Strategy<Value = Positions> {
    (any::<u64>(), prop::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(batch, places)| Positions { batch, places: places.into() })
}

proptest! {
    #[test]
    fn an_entry_is_read_as_it_was_written(entry in entry(), segment: u64) {
        let mut bytes = Vec::new();
        write(&entry, segment, &mut bytes);
        let most = match &entry {
            Entry::Kept(kept) => size_of_kept(&kept.body, kept.positions.as_ref()),
            Entry::Positions(positions) => size_of_positions(positions),
            _ => size_of_kept(&Bytes::from(vec![0; 5000]), None),
        };
        prop_assert!(bytes.len() <= most + 1);
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

/// As versions before positions wrote it: they must be read for as long as a spool may hold them.
#[test]
fn a_delivery_of_an_earlier_version_has_no_positions() {
    let kept = Kept {
        seq: 7,
        signal: Signal::Logs,
        transport: Transport::File,
        received: 9,
        id: None,
        to: Some(Keeper(3)),
        positions: None,
        body: Bytes::from_static(b"body"),
    };
    let mut frame = vec![0; PREFIX];
    frame.push(8);
    frame.extend(7_u64.to_le_bytes());
    frame.extend([1, 3]);
    frame.extend(9_u64.to_le_bytes());
    frame.push(MEANT);
    frame.extend(3_u128.to_le_bytes());
    frame.extend(b"body");
    let (rest, sum) = (frame.len() - PREFIX, checksum(5, &frame[PREFIX..]));
    frame[..4].copy_from_slice(&(rest as u32).to_le_bytes());
    frame[4..PREFIX].copy_from_slice(&sum.to_le_bytes());
    let length = frame.len();
    assert_eq!(read(&frame.into(), 5), Read::Entry(Box::new(Entry::Kept(kept)), length));
}
