import { expect, test } from "vitest";
import { emptyCounts } from "../../../shared/fanout/state/item.ts";
import { viewOf } from "../../../shared/registration/read-registrations.ts";
import type { Registration } from "../../../shared/registration/state/registration.ts";

const job = {
  kind: "registration",
  jobId: "j",
  tenantId: "t",
  state: "ended",
  backEnd: "graph",
  rows: 3,
  bytes: 1,
  sha256: "",
  partial: false,
  createdAt: 0,
  expiresAt: 0,
} as unknown as Registration;

test.each([
  ["nothing was sent in time", { expired: 3 }, "failed", { notSubmitted: 3, unknown: 0 }],
  ["the service was not done in time", { offline: 3 }, "unknown", { notSubmitted: 0, unknown: 3 }],
  ["some were not sent in time", { done: 2, expired: 1 }, "partlyFinished", { notSubmitted: 1 }],
  ["some were left out", { done: 2, notSupported: 1 }, "partlyFinished", { notSubmitted: 1 }],
  ["of one nobody knows", { expired: 2, unknown: 1 }, "unknown", { notSubmitted: 2, unknown: 1 }],
  ["all of them are registered", { done: 3 }, "finished", { registered: 3, notSubmitted: 0 }],
])("where %s, the counts say so as the devices do", async (_where, counts, state, shown) => {
  const ended = { ...job, counts: { ...emptyCounts(), ...counts } };
  expect(await viewOf({ engine: {} as never }, ended)).toMatchObject({
    state,
    counts: { total: 3, ...shown },
  });
});
