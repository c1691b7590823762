"""Sends numbered rows of every signal through ClickStack's own SDK for Python.

Comes in: the SDK's environment (HYPERDX_API_KEY, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL,
OTEL_SERVICE_NAME, and HYPERDX_METRICS_DATASET, without which it sends no metrics), a run and a number of rows. Goes out: for each row a line of the standard logger, a span and a count.
Must not configure OpenTelemetry itself: what the SDK makes of its environment is what is tested.
"""

import logging
import sys

from hyperdx.opentelemetry import configure_opentelemetry
from opentelemetry import _logs, metrics, trace


def main():
    run_id, count = sys.argv[1], int(sys.argv[2])
    configure_opentelemetry()
    logger = logging.getLogger("shop")
    logger.setLevel(logging.INFO)
    counter = metrics.get_meter("senders").create_counter("row.sum")
    for row in range(count):
        identity = {"run.id": run_id, "row.id": str(row)}
        with trace.get_tracer("senders").start_as_current_span("row", attributes=identity):
            logger.info("row %d of %s", row, run_id, extra=identity)
        counter.add(row + 1, identity)
    _logs.get_logger_provider().shutdown()
    trace.get_tracer_provider().shutdown()
    metrics.get_meter_provider().shutdown()


if __name__ == "__main__":
    main()
