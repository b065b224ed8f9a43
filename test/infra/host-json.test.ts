/** host.json promises the handlers what they assume: each promise is seen to be missed. */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readSettings } from "../../functions/settings.ts";
import { broken } from "./broken.ts";

const files = ["host.json", ...globSync("{functions,shared}/**/*.ts")];
const texts = new Map(files.map((path) => [path, readFileSync(path, "utf8")]));
type Texts = ReadonlyMap<string, string>;

const defaults = readSettings({
  AzureWebJobsStorage__accountName: "account",
  MUSTER_HOME_TENANT_IDS: "0a0a0a0a-1111-4222-8333-444444444444",
  MUSTER_GRAPH_URL: "https://graph.microsoft.com",
  MUSTER_AUTHORITY_URL: "https://login.microsoftonline.com",
  MUSTER_CLIENT_ID: "app",
  MUSTER_CLIENT_SECRET: "secret",
});

type Host = {
  readonly functionTimeout: string;
  readonly extensions: { readonly queues: Readonly<Record<string, number | string>> };
  readonly logging: {
    readonly applicationInsights: { readonly samplingSettings: { readonly excludedTypes: string } };
  };
};

/** How long the host hides a message that a handler works on, and then its next try waits if the host dies. */
const leaseMs = 10 * 60_000;
/** With so many messages at once the worker's memory was measured (docs/performance.md). */
const measuredAtOnce = 24;

/** What host.json promises the handlers. */
function host(all: Texts): string[] {
  const { functionTimeout, extensions, logging } = JSON.parse(all.get("host.json") ?? "") as Host;
  const [hours = 0, minutes = 0, seconds = 0] = functionTimeout.split(":").map(Number);
  const timeoutMs = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  const {
    batchSize = 16,
    newBatchThreshold = 8,
    messageEncoding,
    maxDequeueCount,
  } = extensions.queues;
  const code = [...all].flatMap(([path, text]) => (path.endsWith(".ts") ? text : [])).join("\n");
  const runs = Array.from(code.matchAll(/^const runMs = ([\d_]+);/gm), ([, text = ""]) =>
    Number(text.replaceAll("_", "")),
  );
  const wrong: readonly (readonly [boolean, string])[] = [
    [
      timeoutMs >= leaseMs,
      "functionTimeout: a handler outlives the message's lease, once the host is gone",
    ],
    [
      runs.length < 3 || Math.max(...runs) >= timeoutMs,
      "functionTimeout: a timer plans to run longer",
    ],
    [defaults.claimMs >= timeoutMs, "functionTimeout: claims hold longer than any handler may run"],
    [
      defaults.graphTimeoutMs >= defaults.claimMs,
      "an answer of Graph's is waited for longer than a claim holds",
    ],
    [defaults.overdueMs < defaults.claimMs, "work counts as lost while a claim on it still holds"],
    [Number(batchSize) > 32, "batchSize: a queue gives 32 messages at most"],
    [
      Number(batchSize) + Number(newBatchThreshold) > measuredAtOnce,
      "batchSize: more at once than memory was measured for",
    ],
    [messageEncoding !== "base64", "messageEncoding: messages are sent as base64"],
    [
      Number(maxDequeueCount) < 2,
      "maxDequeueCount: the first death of a worker would set its messages aside",
    ],
    [
      !logging.applicationInsights.samplingSettings.excludedTypes.includes("Trace"),
      "sampling: alerts and the anchors of the audit trail are traces",
    ],
  ];
  return wrong.flatMap(([is, problem]) => (is ? [`host.json: ${problem}`] : []));
}

test("host.json promises what the handlers assume", () => {
  expect(host(texts)).toEqual([]);
});

/** A fault on one side, and what has to be said of it. */
const faults: readonly (readonly [
  what: string,
  path: string,
  from: string,
  to: string,
  said: string,
])[] = [
  [
    "a time-out above the lease",
    "host.json",
    "00:05:00",
    "00:10:00",
    "outlives the message's lease",
  ],
  [
    "a timer that runs too long",
    "functions/platform/expire-old.timer.ts",
    "180_000",
    "480_000",
    "a timer plans to run longer",
  ],
  [
    "more at once than was measured",
    "host.json",
    '"batchSize": 16',
    '"batchSize": 32',
    "more at once",
  ],
  ["messages in another encoding", "host.json", '"base64"', '"none"', "messageEncoding"],
  [
    "alerts that are sampled away",
    "host.json",
    "Exception;Request;Trace",
    "Exception;Request",
    "sampling",
  ],
];

test.each(faults)("%s is seen", (_what, path, from, to, said) => {
  expect(host(broken(texts, path, from, to)).join("\n")).toContain(said);
});
