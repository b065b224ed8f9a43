/**
 * Listens to what is told of work, and passes it on: to Application Insights, or as lines of JSON into a file. Loaded only where
 * a setting asks for it: what is in here is larger than the app.
 */
import { appendFileSync } from "node:fs";
import { context, metrics, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { ExportResultCode } from "@opentelemetry/core";
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { someoneListens } from "./trace.ts";

/** Where it goes. */
export type TelemetryTarget =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "azure"; readonly connectionString: string };

type Credential = () => Promise<unknown>;

const metricsEveryMs = { file: 5_000, azure: 60_000 } as const;

/**
 * Begins to listen; what it answers passes on what is still kept, and ends. Everything is taken, whatever a caller says of
 * sampling: one notification is a hundred spans, and half a trace explains nothing.
 */
export async function listen(
  target: TelemetryTarget,
  credential: Credential,
): Promise<() => Promise<void>> {
  const { spans, exporter } = await outlets(target, credential);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const tracing = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    spanProcessors: [spans],
  });
  trace.setGlobalTracerProvider(tracing);
  const exportIntervalMillis = metricsEveryMs[target.kind];
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis });
  const metering = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(metering);
  someoneListens();
  return async () => {
    await Promise.all([tracing.shutdown(), metering.shutdown()]);
  };
}

async function outlets(
  target: TelemetryTarget,
  credential: Credential,
): Promise<{ readonly spans: SpanProcessor; readonly exporter: PushMetricExporter }> {
  if (target.kind === "file")
    return {
      spans: new SimpleSpanProcessor(spansInto(target.path)),
      exporter: metricsInto(target.path),
    };
  const azure = await import("@azure/monitor-opentelemetry-exporter");
  const options = {
    connectionString: target.connectionString,
    credential: (await credential()) as never,
    // An instance of Functions has no disk that outlives it.
    disableOfflineStorage: true,
  };
  return {
    spans: new BatchSpanProcessor(new azure.AzureMonitorTraceExporter(options)),
    exporter: new azure.AzureMonitorMetricExporter(options),
  };
}

// A file: a line for each span and each value of a metric, in the words of OpenTelemetry.

const done = { code: ExportResultCode.SUCCESS };

const spansInto = (path: string): SpanExporter => ({
  export(spans, finished) {
    appendFileSync(path, spans.map(spanLine).join(""));
    finished(done);
  },
  shutdown: () => Promise.resolve(),
});

function spanLine(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  const { name, kind, attributes, status, startTime, duration, parentSpanContext } = span;
  const line = {
    span: name,
    traceId,
    spanId,
    ...(parentSpanContext === undefined ? {} : { parentSpanId: parentSpanContext.spanId }),
    kind,
    startedAt: new Date(msOf(startTime)).toISOString(),
    ms: msOf(duration),
    ...(status.code === SpanStatusCode.UNSET ? {} : { status: status.code }),
    attributes,
  };
  return `${JSON.stringify(line)}\n`;
}

const msOf = ([seconds, nanos]: readonly [number, number]): number => seconds * 1e3 + nanos / 1e6;

const metricsInto = (path: string): PushMetricExporter => ({
  export(collected, finished) {
    appendFileSync(path, metricLines(collected));
    finished(done);
  },
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
});

function metricLines({ scopeMetrics }: ResourceMetrics): string {
  const lines = scopeMetrics.flatMap(({ metrics: found }) =>
    found.flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value, endTime }) => {
        const at = new Date(msOf(endTime)).toISOString();
        return JSON.stringify({ metric: descriptor.name, at, attributes, value });
      }),
    ),
  );
  return lines.map((line) => `${line}\n`).join("");
}
