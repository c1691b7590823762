"""Sends numbered rows of every signal through the real OpenTelemetry SDK for Python.

Comes in: a protocol, an endpoint, a run and a range of numbers. Goes out: the rows as tests/senders/README.md says, and
exit code 0 only when the SDK exported every one of them. Must not send by any other way than the SDK's pipeline.
"""

import argparse
import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

EXPORTERS = {
    "grpc": {"logs": GrpcLogs, "traces": GrpcSpans, "metrics": GrpcMetrics},
    "http": {"logs": HttpLogs, "traces": HttpSpans, "metrics": HttpMetrics},
}
# The SDK drops what does not fit its queue (2048): flush well before it is full.
FLUSH_EVERY = 1000
TRACE_ID, PARENT_ID = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
KINDS = [trace.SpanKind.SERVER, trace.SpanKind.CLIENT, trace.SpanKind.INTERNAL]


class Failures:
    """Counts what an exporter reports: the SDK's batch processors keep failures silent."""

    def __init__(self):
        self.count = 0

    def watch(self, exporter):
        export = exporter.export

        def counted(*args, **kwargs):
            result = export(*args, **kwargs)
            self.count += result.name != "SUCCESS"
            return result

        exporter.export = counted
        return exporter


def exporter(args, signal, failures):
    make = EXPORTERS[args.protocol][signal]
    if args.protocol == "grpc":
        return failures.watch(make(endpoint=args.endpoint, insecure=True, timeout=args.timeout))
    return failures.watch(make(endpoint=f"{args.endpoint}/v1/{signal}", timeout=args.timeout))


def identity(args, row):
    return {"run.id": args.run_id, "row.id": str(row)}


def numbers(args):
    return range(args.first, args.first + args.count)


def time_of(args, row):
    return args.start_nanos + row * 1_000_001


def send_logs(args, resource, failures):
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter(args, "logs", failures)))
    logger = provider.get_logger("senders", "1")
    for row in numbers(args):
        logger.emit(
            LogRecord(
                timestamp=time_of(args, row),
                severity_text="Warn" if row % 2 else "Info",
                severity_number=SeverityNumber.WARN if row % 2 else SeverityNumber.INFO,
                body=f"row {row} of {args.run_id}",
                attributes=identity(args, row)
                | {"row.number": row, "row.half": row / 2 + 0.25, "row.odd": row % 2 == 1, "row.tags": ["a", "b"]},
            )
        )
        if row % FLUSH_EVERY == FLUSH_EVERY - 1:
            provider.force_flush()
    provider.shutdown()


def send_traces(args, resource, failures):
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter(args, "traces", failures)))
    tracer = provider.get_tracer("senders", "1")
    parent = trace.SpanContext(
        TRACE_ID, PARENT_ID, True, trace.TraceFlags(1), trace.TraceState([("vendor", "1")])
    )
    context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
    for row in numbers(args):
        start = time_of(args, row)
        span = tracer.start_span(
            f"span {row % 3}",
            context=context,
            kind=KINDS[row % 3],
            attributes=identity(args, row),
            links=[trace.Link(parent, {"why": "test"})],
            start_time=start,
        )
        span.add_event("checkpoint", {"step": row}, timestamp=start + 1)
        if row % 3:
            span.set_status(trace.Status(trace.StatusCode.OK) if row % 3 == 1 else error(row))
        span.end(start + 1000 * (row + 1))
        if row % FLUSH_EVERY == FLUSH_EVERY - 1:
            provider.force_flush()
    provider.shutdown()


def error(row):
    return trace.Status(trace.StatusCode.ERROR, f"bad {row}")


def send_metrics(args, resource, failures):
    reader = PeriodicExportingMetricReader(exporter(args, "metrics", failures), export_interval_millis=3_600_000)
    exponential = View(instrument_name="row.exponential", aggregation=ExponentialBucketHistogramAggregation())
    provider = MeterProvider([reader], resource=resource, views=[exponential])
    meter = provider.get_meter("senders", "1")
    gauge = meter.create_gauge("row.gauge", "By", "a gauge")
    total = meter.create_counter("row.sum", "1", "a sum")
    histogram = meter.create_histogram("row.histogram", explicit_bucket_boundaries_advisory=[10, 100])
    exponential = meter.create_histogram("row.exponential")
    for row in numbers(args):
        attributes = identity(args, row)
        gauge.set(row + 0.5, attributes)
        total.add(row + 1, attributes)
        for value in (5, 50, 500):
            histogram.record(value, attributes)
        for value in (1, 2, 4):
            exponential.record(value, attributes)
    provider.shutdown()


SIGNALS = {"logs": send_logs, "traces": send_traces, "metrics": send_metrics}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", choices=EXPORTERS, required=True)
    parser.add_argument("--endpoint", required=True, help="http://host:port")
    parser.add_argument("--signals", default="logs,traces,metrics")
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--service", required=True)
    parser.add_argument("--first", type=int, default=0, help="the number of the first row")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--start-nanos", type=int, required=True, help="the time of row 0")
    parser.add_argument("--timeout", type=int, default=60, help="seconds the SDK retries one batch")
    return parser.parse_args()


def main():
    args = arguments()
    resource = Resource.create({"service.name": args.service})
    failures = Failures()
    for signal in args.signals.split(","):
        SIGNALS[signal](args, resource, failures)
    print(f"{failures.count} exports failed")
    return 1 if failures.count else 0


if __name__ == "__main__":
    sys.exit(main())
