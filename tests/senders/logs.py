"""Sends numbered logs through the real OpenTelemetry Python SDK.

Comes in: a protocol, an endpoint, a run and a range of numbers. Goes out: the logs, and exit code 0
only when the SDK exported every one of them. Must not send by any other way than the SDK's pipeline.
"""

import argparse
import logging
import sys
import time

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as sdk_export
from opentelemetry.sdk.resources import Resource


class Counting(sdk_export.LogRecordExporter):
    """Counts what the wrapped exporter reports: the batch processor itself keeps failures silent."""

    def __init__(self, inner):
        self.inner, self.exported, self.failed = inner, 0, 0

    def export(self, batch):
        result = self.inner.export(batch)
        if result is sdk_export.LogRecordExportResult.SUCCESS:
            self.exported += len(batch)
        else:
            self.failed += len(batch)
        return result

    def force_flush(self, timeout_millis=10_000):
        return self.inner.force_flush(timeout_millis) if hasattr(self.inner, "force_flush") else True

    def shutdown(self):
        self.inner.shutdown()


def exporter(protocol, endpoint, timeout):
    if protocol == "grpc":
        return GrpcExporter(endpoint=endpoint, insecure=True, timeout=timeout)
    return HttpExporter(endpoint=f"{endpoint}/v1/logs", timeout=timeout)


def emit(provider, args):
    logger = provider.get_logger("senders.logs", "1")
    for row in range(args.first, args.first + args.count):
        logger.emit(
            LogRecord(
                timestamp=time.time_ns(),
                severity_text="INFO",
                severity_number=SeverityNumber.INFO,
                body=f"row {row} of {args.run_id}",
                attributes={"run.id": args.run_id, "row.id": str(row)},
            )
        )
        # The SDK drops what does not fit its queue: flush well before it is full.
        if (row - args.first + 1) % 1000 == 0:
            provider.force_flush()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", choices=["grpc", "http"], required=True)
    parser.add_argument("--endpoint", required=True, help="http://host:port")
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--service", default="sdk-python")
    parser.add_argument("--first", type=int, default=0, help="the number of the first row")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--timeout", type=float, default=60, help="seconds the SDK retries one batch")
    return parser.parse_args()


def main():
    args = arguments()
    logging.basicConfig(level=logging.WARNING)
    counting = Counting(exporter(args.protocol, args.endpoint, args.timeout))
    provider = LoggerProvider(resource=Resource.create({"service.name": args.service}))
    provider.add_log_record_processor(sdk_export.BatchLogRecordProcessor(counting, max_queue_size=4096))
    emit(provider, args)
    provider.force_flush()
    provider.shutdown()
    print(f"exported={counting.exported} failed={counting.failed} of {args.count}")
    return 0 if counting.exported == args.count else 1


if __name__ == "__main__":
    sys.exit(main())
