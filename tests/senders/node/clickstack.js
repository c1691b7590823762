// Sends numbered rows of every signal through ClickStack's own SDK for Node.
//
// Comes in: the SDK's environment (HYPERDX_API_KEY, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL,
// OTEL_SERVICE_NAME), a run and a number of rows. Goes out: for each row a line of the console, a span and a count.
// Must not configure OpenTelemetry itself: what the SDK makes of its environment is what is tested.

const { init, shutdown } = require('@hyperdx/node-opentelemetry');

// `init` patches the console that is loaded already; `initSDK` waits for somebody to require it.
init({ disableStartupLogs: true });

const { metrics, trace } = require('@opentelemetry/api');

const [runId, count] = process.argv.slice(2);
const counter = metrics.getMeter('senders').createCounter('row.sum');
for (let row = 0; row < Number(count); row++) {
  const attributes = { 'run.id': runId, 'row.id': String(row) };
  trace.getTracer('senders').startActiveSpan('row', { attributes }, (span) => {
    console.log(`row ${row} of ${runId}`, attributes);
    span.end();
  });
  counter.add(row + 1, attributes);
}
shutdown();
