//! `otel_logs` and `hyperdx_sessions`.

use opentelemetry_proto::tonic::{collector::logs::v1::ExportLogsServiceRequest, logs::v1::LogRecord};

use super::{Expected, hex, map, of_resource, of_scope, row, transform::transformed, value::as_string};
use crate::{
    assemble::tests::cell::{Cell, Row},
    table::Table,
};

pub fn logs(request: ExportLogsServiceRequest) -> Expected {
    let mut expected = Expected::default();
    for group in request.resource_logs {
        for logs in group.scope_logs {
            let mut shared = of_resource(group.resource.as_ref());
            shared.extend(of_scope(logs.scope.as_ref()));
            let scope = logs.scope.unwrap_or_default();
            shared.extend(row([
                ("ResourceSchemaUrl", Cell::text(&group.schema_url)),
                ("ScopeSchemaUrl", Cell::text(&logs.schema_url)),
                ("ScopeAttributes", map(&scope.attributes)),
            ]));
            for record in logs.log_records {
                if record.attributes.iter().any(|attribute| attribute.key == "rr-web.event") {
                    expected.push(Table::Sessions, [shared.clone(), of_record(&record)]);
                } else {
                    let name = row([("EventName", Cell::text(&record.event_name))]);
                    let record = of_record(&transformed(record));
                    expected.push(Table::Logs, [shared.clone(), record.into_iter().chain(name).collect()]);
                }
            }
        }
    }
    expected
}

fn of_record(record: &LogRecord) -> Row {
    let time = match record.time_unix_nano {
        0 => record.observed_time_unix_nano,
        time => time,
    };
    row([
        ("Timestamp", Cell::Time(time)),
        ("TraceId", hex(&record.trace_id, 16)),
        ("SpanId", hex(&record.span_id, 8)),
        ("TraceFlags", Cell::whole(record.flags & 0xff)),
        ("SeverityText", Cell::text(&record.severity_text)),
        ("SeverityNumber", Cell::whole(record.severity_number & 0xff)),
        ("Body", Cell::text(as_string(record.body.as_ref()))),
        ("LogAttributes", map(&record.attributes)),
    ])
}
