//! `ExportLogsServiceRequest`.

use super::{
    Sink, groups,
    value::{any_value, enumeration, push_attribute},
};
use crate::record::{LogRecord, Malformed, wire::Fields};

/// Where decoded logs go.
pub trait LogSink<'a>: Sink<'a> {
    fn record(&mut self, record: &LogRecord<'a>) -> Result<(), Self::Refused>;
}

/// Reads a request into the sink.
///
/// # Errors
/// The request is malformed, or the sink refuses it; the sink has then seen a part that must not be kept.
pub fn logs<'a, S: LogSink<'a>>(request: &'a [u8], sink: &mut S) -> Result<(), S::Refused> {
    let mut record = LogRecord::default();
    groups(request, sink, |message, sink| {
        record.clear();
        match log_record(message, &mut record) {
            Ok(()) => sink.record(&record),
            Err(malformed) => sink.reject(malformed),
        }
    })
}

#[inline]
fn log_record<'a>(message: &'a [u8], record: &mut LogRecord<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => record.time = value.fixed64(1)?,
            2 => record.severity_number = enumeration(value, 2)?,
            3 => record.severity_text = value.bytes(3)?,
            5 => record.body = any_value(value.bytes(5)?)?.over(record.body),
            6 => push_attribute(value.bytes(6)?, &mut record.attributes)?,
            7 => {
                value.varint(7)?;
            }
            8 => record.flags = value.fixed32(8)?,
            9 => record.trace_id = value.bytes(9)?,
            10 => record.span_id = value.bytes(10)?,
            11 => record.observed_time = value.fixed64(11)?,
            12 => record.event_name = value.bytes(12)?,
            _ => {}
        }
    }
    Ok(())
}
