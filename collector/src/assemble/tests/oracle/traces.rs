//! `otel_traces`.

use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};

use super::{Expected, hex, list, map, of_resource, of_scope, row};
use crate::{
    assemble::tests::cell::{Cell, Row},
    table::Table,
};

const KINDS: [&str; 6] = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
const CODES: [&str; 3] = ["Unset", "Ok", "Error"];

pub fn traces(request: ExportTraceServiceRequest) -> Expected {
    let mut expected = Expected::default();
    for group in request.resource_spans {
        for spans in group.scope_spans {
            let mut shared = of_resource(group.resource.as_ref());
            shared.extend(of_scope(spans.scope.as_ref()));
            for span in spans.spans {
                expected.push(Table::Traces, [shared.clone(), of_span(&span)]);
            }
        }
    }
    expected
}

fn of_span(span: &Span) -> Row {
    let word = |words: &[&str], code: i32| {
        Cell::text(usize::try_from(code).ok().and_then(|code| words.get(code).copied()).unwrap_or_default())
    };
    let status = span.status.clone().unwrap_or_default();
    let duration = i128::from(span.end_time_unix_nano) - i128::from(span.start_time_unix_nano);
    row([
        ("Timestamp", Cell::Time(span.start_time_unix_nano)),
        ("TraceId", hex(&span.trace_id, 16)),
        ("SpanId", hex(&span.span_id, 8)),
        ("ParentSpanId", hex(&span.parent_span_id, 8)),
        ("TraceState", Cell::text(&span.trace_state)),
        ("SpanName", Cell::text(&span.name)),
        ("SpanKind", word(&KINDS, span.kind)),
        ("SpanAttributes", map(&span.attributes)),
        ("Duration", Cell::whole(duration.rem_euclid(1 << 64))),
        ("StatusCode", word(&CODES, status.code)),
        ("StatusMessage", Cell::text(&status.message)),
        ("Events.Timestamp", list(&span.events, |event| Cell::Time(event.time_unix_nano))),
        ("Events.Name", list(&span.events, |event| Cell::text(&event.name))),
        ("Events.Attributes", list(&span.events, |event| map(&event.attributes))),
        ("Links.TraceId", list(&span.links, |link| hex(&link.trace_id, 16))),
        ("Links.SpanId", list(&span.links, |link| hex(&link.span_id, 8))),
        ("Links.TraceState", list(&span.links, |link| Cell::text(&link.trace_state))),
        ("Links.Attributes", list(&span.links, |link| map(&link.attributes))),
    ])
}
