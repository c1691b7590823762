// Sends numbered rows of every signal through the real OpenTelemetry SDK for JavaScript.
//
// Comes in: a protocol, an endpoint, a run and a range of numbers. Goes out: the rows as tests/senders/README.md says, and
// exit code 0 only when the SDK exported every one of them. Must not send by any other way than the SDK's pipeline.

const { parseArgs } = require('node:util');
const { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, createTraceState, trace } = require('@opentelemetry/api');
const { SeverityNumber } = require('@opentelemetry/api-logs');
const { defaultResource, resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchLogRecordProcessor, LoggerProvider } = require('@opentelemetry/sdk-logs');
const { AggregationType, MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { CompressionAlgorithm } = require('@opentelemetry/otlp-exporter-base');

const PACKAGES = { grpc: 'grpc', http: 'proto', json: 'http' };
const EXPORTERS = { logs: 'OTLPLogExporter', traces: 'OTLPTraceExporter', metrics: 'OTLPMetricExporter' };
const PACKAGE_OF = { logs: 'logs', traces: 'trace', metrics: 'metrics' };
// The SDK drops what does not fit its queue (2048): flush well before it is full.
const FLUSH_EVERY = 1000;
const KINDS = [SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL];
const SUCCESS = 0;

let failed = 0;

function exporter(args, signal) {
  const module = require(`@opentelemetry/exporter-${PACKAGE_OF[signal]}-otlp-${PACKAGES[args.protocol]}`);
  const url = args.protocol === 'grpc' ? args.endpoint : `${args.endpoint}/v1/${signal}`;
  const compression = args.compression === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE;
  const made = new module[EXPORTERS[signal]]({ url, timeoutMillis: 60_000, compression });
  // The SDK's batch processors keep failures silent.
  const send = made.export.bind(made);
  made.export = (items, done) =>
    send(items, (result) => {
      failed += result.code === SUCCESS ? 0 : 1;
      if (result.error) console.error(signal, result.error);
      done(result);
    });
  return made;
}

const identity = (args, row) => ({ 'run.id': args['run-id'], 'row.id': String(row) });
const timeOf = (args, row, plus = 0) => {
  const nanos = BigInt(args['start-nanos']) + BigInt(row) * 1_000_001n + BigInt(plus);
  return [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
};

function* numbers(args) {
  for (let row = Number(args.first); row < Number(args.first) + Number(args.count); row++) yield row;
}

async function sendLogs(args, resource) {
  const provider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor(exporter(args, 'logs'))] });
  const logger = provider.getLogger('senders', '1');
  for (const row of numbers(args)) {
    logger.emit({
      timestamp: timeOf(args, row),
      severityNumber: row % 2 ? SeverityNumber.WARN : SeverityNumber.INFO,
      severityText: row % 2 ? 'Warn' : 'Info',
      body: `row ${row} of ${args['run-id']}`,
      attributes: {
        ...identity(args, row),
        'row.number': row,
        'row.half': row / 2 + 0.25,
        'row.odd': row % 2 === 1,
        'row.tags': ['a', 'b'],
      },
    });
    if (row % FLUSH_EVERY === FLUSH_EVERY - 1) await provider.forceFlush();
  }
  await provider.shutdown();
}

async function sendTraces(args, resource) {
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter(args, 'traces'))] });
  const tracer = provider.getTracer('senders', '1');
  const parent = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    traceState: createTraceState('vendor=1'),
    isRemote: true,
  };
  const context = trace.setSpanContext(ROOT_CONTEXT, parent);
  for (const row of numbers(args)) {
    const links = [{ context: parent, attributes: { why: 'test' } }];
    const options = { kind: KINDS[row % 3], startTime: timeOf(args, row), attributes: identity(args, row), links };
    const span = tracer.startSpan(`span ${row % 3}`, options, context);
    span.addEvent('checkpoint', { step: row }, timeOf(args, row, 1));
    if (row % 3 === 1) span.setStatus({ code: SpanStatusCode.OK });
    if (row % 3 === 2) span.setStatus({ code: SpanStatusCode.ERROR, message: `bad ${row}` });
    span.end(timeOf(args, row, 1000 * (row + 1)));
    if (row % FLUSH_EVERY === FLUSH_EVERY - 1) await provider.forceFlush();
  }
  await provider.shutdown();
}

async function sendMetrics(args, resource) {
  const reader = new PeriodicExportingMetricReader({
    exporter: exporter(args, 'metrics'),
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 60_000,
  });
  const exponentially = { type: AggregationType.EXPONENTIAL_HISTOGRAM };
  const views = [{ instrumentName: 'row.exponential', aggregation: exponentially }];
  const provider = new MeterProvider({ resource, readers: [reader], views });
  const meter = provider.getMeter('senders', '1');
  const gauge = meter.createGauge('row.gauge', { unit: 'By', description: 'a gauge' });
  const total = meter.createCounter('row.sum', { unit: '1', description: 'a sum' });
  const histogram = meter.createHistogram('row.histogram', { advice: { explicitBucketBoundaries: [10, 100] } });
  const exponential = meter.createHistogram('row.exponential');
  for (const row of numbers(args)) {
    const attributes = identity(args, row);
    gauge.record(row + 0.5, attributes);
    total.add(row + 1, attributes);
    for (const value of [5, 50, 500]) histogram.record(value, attributes);
    for (const value of [1, 2, 4]) exponential.record(value, attributes);
  }
  await provider.shutdown();
}

const SIGNALS = { logs: sendLogs, traces: sendTraces, metrics: sendMetrics };

async function main() {
  const text = (value) => ({ type: 'string', default: value });
  const options = {
    protocol: text(),
    endpoint: text(),
    compression: text('none'),
    signals: text('logs,traces,metrics'),
    'run-id': text(),
    service: text(),
    first: text('0'),
    count: text(),
    'start-nanos': text(),
  };
  const args = parseArgs({ options }).values;
  const resource = defaultResource().merge(resourceFromAttributes({ 'service.name': args.service }));
  for (const signal of args.signals.split(',')) await SIGNALS[signal](args, resource);
  console.log(`${failed} exports failed`);
  process.exitCode = failed ? 1 : 0;
}

main();
