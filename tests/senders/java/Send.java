import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentSelector;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.View;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Sends numbered rows of every signal through the real OpenTelemetry SDK for Java.
 *
 * <p>Comes in: a protocol, an endpoint, a run and a range of numbers. Goes out: the rows as tests/senders/README.md says,
 * and exit code 0 only when the SDK exported every one of them. Must not send by any other way than the SDK's pipeline.
 */
final class Send {
  /** The SDK drops what does not fit its queue (2048): flush well before it is full. */
  private static final long FLUSH_EVERY = 1000;

  private static final List<SpanKind> KINDS = List.of(SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL);

  private final Map<String, String> args;
  private final Resource resource;
  private final String runId;
  private final long first;
  private final long end;
  private volatile boolean failed;

  private Send(Map<String, String> args) {
    this.args = args;
    runId = args.get("--run-id");
    first = Long.parseLong(args.getOrDefault("--first", "0"));
    end = first + Long.parseLong(args.get("--count"));
    resource = Resource.getDefault().toBuilder().put("service.name", args.get("--service")).build();
  }

  public static void main(String[] words) {
    Map<String, String> args = new HashMap<>();
    for (int i = 0; i + 1 < words.length; i += 2) {
      args.put(words[i], words[i + 1]);
    }
    Send send = new Send(args);
    for (String signal : args.getOrDefault("--signals", "logs,traces,metrics").split(",")) {
      switch (signal) {
        case "logs" -> send.logs();
        case "traces" -> send.traces();
        default -> send.metrics();
      }
    }
    System.out.println(send.failed ? "exports failed" : "0 exports failed");
    System.exit(send.failed ? 1 : 0);
  }

  private boolean isGrpc() {
    return args.get("--protocol").equals("grpc");
  }

  private String url(String signal) {
    return isGrpc() ? args.get("--endpoint") : args.get("--endpoint") + "/v1/" + signal;
  }

  private String compression() {
    return args.getOrDefault("--compression", "none");
  }

  private void check(CompletableResultCode result) {
    failed |= !result.join(60, TimeUnit.SECONDS).isSuccess();
  }

  /** The SDK's batch processors keep failures silent: looks at what the exporter itself answers. */
  private <T> T watched(Class<T> kind, T exporter) {
    return kind.cast(Proxy.newProxyInstance(kind.getClassLoader(), new Class<?>[] {kind}, (proxy, method, words) -> {
      Object answer = method.invoke(exporter, words);
      if (method.getName().equals("export")) {
        var result = (CompletableResultCode) answer;
        result.whenComplete(() -> failed |= !result.isSuccess());
      }
      return answer;
    }));
  }

  private long timeOf(long row) {
    return Long.parseLong(args.get("--start-nanos")) + row * 1_000_001;
  }

  private Attributes identity(long row) {
    return Attributes.of(AttributeKey.stringKey("run.id"), runId, AttributeKey.stringKey("row.id"), "" + row);
  }

  private LogRecordExporter logExporter() {
    String url = url("logs");
    return isGrpc()
        ? OtlpGrpcLogRecordExporter.builder().setEndpoint(url).setCompression(compression()).build()
        : OtlpHttpLogRecordExporter.builder().setEndpoint(url).setCompression(compression()).build();
  }

  private void logs() {
    var provider = SdkLoggerProvider.builder()
        .setResource(resource)
        .addLogRecordProcessor(BatchLogRecordProcessor.builder(watched(LogRecordExporter.class, logExporter())).build())
        .build();
    var logger = provider.loggerBuilder("senders").setInstrumentationVersion("1").build();
    for (long row = first; row < end; row++) {
      boolean odd = row % 2 == 1;
      logger.logRecordBuilder()
          .setTimestamp(timeOf(row), NANOSECONDS)
          .setSeverity(odd ? Severity.WARN : Severity.INFO)
          .setSeverityText(odd ? "Warn" : "Info")
          .setBody("row " + row + " of " + runId)
          .setAllAttributes(identity(row))
          .setAttribute(AttributeKey.longKey("row.number"), row)
          .setAttribute(AttributeKey.doubleKey("row.half"), row / 2.0 + 0.25)
          .setAttribute(AttributeKey.booleanKey("row.odd"), odd)
          .setAttribute(AttributeKey.stringArrayKey("row.tags"), List.of("a", "b"))
          .emit();
      if (row % FLUSH_EVERY == FLUSH_EVERY - 1) {
        check(provider.forceFlush());
      }
    }
    check(provider.forceFlush());
    check(provider.shutdown());
  }

  private SpanExporter spanExporter() {
    String url = url("traces");
    return isGrpc()
        ? OtlpGrpcSpanExporter.builder().setEndpoint(url).setCompression(compression()).build()
        : OtlpHttpSpanExporter.builder().setEndpoint(url).setCompression(compression()).build();
  }

  private void traces() {
    var provider = SdkTracerProvider.builder()
        .setResource(resource)
        .addSpanProcessor(BatchSpanProcessor.builder(watched(SpanExporter.class, spanExporter())).build())
        .build();
    var tracer = provider.tracerBuilder("senders").setInstrumentationVersion("1").build();
    var state = TraceState.builder().put("vendor", "1").build();
    var parent = SpanContext.createFromRemoteParent(
        "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", TraceFlags.getSampled(), state);
    var context = Context.root().with(Span.wrap(parent));
    for (long row = first; row < end; row++) {
      long start = timeOf(row);
      Span span = tracer.spanBuilder("span " + row % 3)
          .setParent(context)
          .setSpanKind(KINDS.get((int) (row % 3)))
          .setStartTimestamp(start, NANOSECONDS)
          .setAllAttributes(identity(row))
          .addLink(parent, Attributes.of(AttributeKey.stringKey("why"), "test"))
          .startSpan();
      span.addEvent("checkpoint", Attributes.of(AttributeKey.longKey("step"), row), start + 1, NANOSECONDS);
      if (row % 3 == 1) {
        span.setStatus(StatusCode.OK);
      } else if (row % 3 == 2) {
        span.setStatus(StatusCode.ERROR, "bad " + row);
      }
      span.end(start + 1000 * (row + 1), NANOSECONDS);
      if (row % FLUSH_EVERY == FLUSH_EVERY - 1) {
        check(provider.forceFlush());
      }
    }
    check(provider.forceFlush());
    check(provider.shutdown());
  }

  private MetricExporter metricExporter() {
    String url = url("metrics");
    return isGrpc()
        ? OtlpGrpcMetricExporter.builder().setEndpoint(url).setCompression(compression()).build()
        : OtlpHttpMetricExporter.builder().setEndpoint(url).setCompression(compression()).build();
  }

  private void metrics() {
    var reader = PeriodicMetricReader.builder(watched(MetricExporter.class, metricExporter())).setInterval(Duration.ofHours(1)).build();
    var exponentially = View.builder().setAggregation(Aggregation.base2ExponentialBucketHistogram()).build();
    var provider = SdkMeterProvider.builder()
        .setResource(resource)
        .registerView(InstrumentSelector.builder().setName("row.exponential").build(), exponentially)
        .registerMetricReader(reader)
        .build();
    var meter = provider.meterBuilder("senders").setInstrumentationVersion("1").build();
    var gauge = meter.gaugeBuilder("row.gauge").setUnit("By").setDescription("a gauge").build();
    var total = meter.counterBuilder("row.sum").setUnit("1").setDescription("a sum").build();
    var histogram =
        meter.histogramBuilder("row.histogram").setExplicitBucketBoundariesAdvice(List.of(10.0, 100.0)).build();
    var exponential = meter.histogramBuilder("row.exponential").build();
    for (long row = first; row < end; row++) {
      Attributes attributes = identity(row);
      gauge.set(row + 0.5, attributes);
      total.add(row + 1, attributes);
      for (double value : new double[] {5, 50, 500}) {
        histogram.record(value, attributes);
      }
      for (double value : new double[] {1, 2, 4}) {
        exponential.record(value, attributes);
      }
    }
    // The only collection: a second one would export every point again.
    check(provider.shutdown());
  }
}
