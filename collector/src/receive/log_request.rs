//! Log records as an OTLP request, written front to back.
//!
//! Comes in: records, by what fills them. Goes out: an `ExportLogsServiceRequest` of one resource that says nothing. A
//! record that fails half-way leaves no trace. Must not know what is in a record.

use super::writer::{Begun, Full, WireType, Writer};

/// Field numbers of the messages.
const RESOURCE_LOGS: u32 = 1;
const SCOPE_LOGS: u32 = 2;
const LOG_RECORD: u32 = 2;

/// Lengths of the groups, which are written at the end.
const ENDS: usize = 8;

/// Why something gives no record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    /// It is none.
    Bad,
    /// There is no room for it in this request.
    Full,
}

/// A request that grows.
#[derive(Debug)]
pub(super) struct LogRequest {
    writer: Writer,
    groups: Option<[Begun; 2]>,
    records: u64,
}

impl LogRequest {
    /// Of `limit` bytes at most.
    pub(super) fn new(limit: usize) -> Self {
        Self { writer: Writer::new(0, limit), groups: None, records: 0 }
    }

    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// Bytes so far.
    pub(super) const fn size(&self) -> usize {
        self.writer.size()
    }

    /// One record more; none where `fill` fails.
    pub(super) fn push<E: From<Full>>(&mut self, fill: impl FnOnce(&mut Record<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.groups.is_none() {
            self.groups = Some([self.writer.begin(RESOURCE_LOGS)?, self.writer.begin(SCOPE_LOGS)?]);
        }
        let mark = self.writer.mark();
        let pushed = self
            .writer
            .nested(LOG_RECORD, |writer| fill(&mut Record(writer)))
            .and_then(|()| Ok(self.writer.room(ENDS)?));
        match pushed {
            Ok(()) => self.records += 1,
            Err(_) => self.writer.take_back(mark),
        }
        pushed
    }

    /// The request.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Full> {
        if let Some([outer, inner]) = self.groups.take() {
            self.writer.end(&inner)?;
            self.writer.end(&outer)?;
        }
        Ok(self.writer.finish())
    }
}

impl From<Full> for Unfit {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

/// The fields of one record, in any order.
#[derive(Debug)]
pub(super) struct Record<'a>(&'a mut Writer);

impl Record<'_> {
    /// When it happened, and when it came here, in nanoseconds since the Unix epoch; 0 where nobody knows.
    pub(super) fn times(&mut self, time: u64, observed: u64) {
        if time != 0 {
            self.0.fixed64(1, time);
        }
        self.0.fixed64(11, observed);
    }

    pub(super) fn severity(&mut self, number: u8, text: &str) -> Result<(), Full> {
        self.0.key(2, WireType::Varint);
        self.0.varint(number.into());
        self.0.delimited(3, text.as_bytes())
    }

    pub(super) fn body<E: From<Full>>(
        &mut self,
        fill: impl FnOnce(&mut AnyValue<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.nested(5, |writer| fill(&mut AnyValue(writer)))
    }

    pub(super) fn attribute<E: From<Full>>(
        &mut self,
        name: &[u8],
        fill: impl FnOnce(&mut AnyValue<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        key_value(self.0, 6, name, fill)
    }
}

/// The place of one value: one call fills it, none leaves it empty.
#[derive(Debug)]
pub(super) struct AnyValue<'a>(&'a mut Writer);

impl AnyValue<'_> {
    /// What is no UTF-8 in it is replaced.
    pub(super) fn text(&mut self, text: &[u8]) -> Result<(), Full> {
        self.0.delimited(1, String::from_utf8_lossy(text).as_bytes())
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.0.key(2, WireType::Varint);
        self.0.varint(value.into());
    }

    pub(super) fn integer(&mut self, value: i64) {
        self.0.key(3, WireType::Varint);
        self.0.varint(value.cast_unsigned());
    }

    pub(super) fn number(&mut self, value: f64) {
        self.0.fixed64(4, value.to_bits());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.0.delimited(7, bytes)
    }

    pub(super) fn array<E: From<Full>>(
        &mut self,
        fill: impl FnOnce(&mut Elements<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.nested(5, |writer| fill(&mut Elements(writer)))
    }

    pub(super) fn map<E: From<Full>>(
        &mut self,
        fill: impl FnOnce(&mut Elements<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.nested(6, |writer| fill(&mut Elements(writer)))
    }
}

/// What is in an array or a map.
#[derive(Debug)]
pub(super) struct Elements<'a>(&'a mut Writer);

impl Elements<'_> {
    pub(super) fn element<E: From<Full>>(
        &mut self,
        fill: impl FnOnce(&mut AnyValue<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.nested(1, |writer| fill(&mut AnyValue(writer)))
    }

    pub(super) fn entry<E: From<Full>>(
        &mut self,
        name: &[u8],
        fill: impl FnOnce(&mut AnyValue<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        key_value(self.0, 1, name, fill)
    }
}

fn key_value<E: From<Full>>(
    writer: &mut Writer,
    number: u32,
    name: &[u8],
    fill: impl FnOnce(&mut AnyValue<'_>) -> Result<(), E>,
) -> Result<(), E> {
    writer.nested(number, |writer| {
        writer.delimited(1, String::from_utf8_lossy(name).as_bytes())?;
        writer.nested(2, |writer| fill(&mut AnyValue(writer)))
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use prost::Message;

    use super::*;

    #[test]
    fn a_record_that_fails_half_way_leaves_no_trace() {
        let mut request = LogRequest::new(usize::MAX);
        let mut push = |body: &[u8], is_whole: bool| {
            request.push(|record| {
                record.times(1, 2);
                record.body(|value| value.text(body))?;
                record
                    .attribute(b"name", |value| value.map(|map| map.entry(b"in", |value| value.text(&[b'x'; 200]))))?;
                if is_whole { Ok(()) } else { Err(Full) }
            })
        };
        assert_eq!((push(b"one", true), push(b"two", false), push(b"three", true)), (Ok(()), Err(Full), Ok(())));
        assert_eq!(request.records(), 2);
        let size = request.size();
        let body = request.finish().unwrap();
        assert!(body.len() >= size);
        let request = ExportLogsServiceRequest::decode(&body[..]).unwrap();
        let records = &request.resource_logs[0].scope_logs[0].log_records;
        let bodies: Vec<_> = records.iter().map(|record| format!("{:?}", record.body)).collect();
        assert!(bodies.len() == 2 && bodies[0].contains("one") && bodies[1].contains("three"), "{bodies:?}");
        assert_eq!((records[0].time_unix_nano, records[0].observed_time_unix_nano), (1, 2));
    }

    #[test]
    fn nothing_is_an_empty_request_and_no_request_passes_its_limit() {
        assert_eq!(LogRequest::new(10).finish().unwrap(), b"");
        let mut request = LogRequest::new(100);
        let push = |request: &mut LogRequest| request.push(|record| record.body(|value| value.text(&[b'x'; 60])));
        assert_eq!((push(&mut request), push(&mut request)), (Ok(()), Err(Full)));
        assert!(request.finish().unwrap().len() <= 100);
    }
}
