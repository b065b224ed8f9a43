/** What is kept of a service's refusal, so that its support finds the call. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { judge } from "../../../shared/graph/answer.ts";
import { PartnerCenter } from "../../../shared/partner-center/client.ts";
import { type Asked, graphTraceOf, traced } from "../../../shared/registration/kind.ts";
import { partnerBackEnd } from "../../../shared/registration/partner/batches.ts";
import type { Registration } from "../../../shared/registration/state/registration.ts";

const clock = { now: () => 0 };
const tenantId = "7d1c0f5e-9a57-4f8e-8a54-0d6a3c1e5b01";
const asked: Asked[] = [
  {
    item: { targetId: "1", name: "", state: "claimed", route: 0, at: 0, attempts: 1 },
    hardware: { serial: "SECRET1", tag: "shop" },
  },
];

/** What becomes of a device where Partner Center answers all questions so. */
async function outcomeOf(status: number, code: number): Promise<unknown> {
  const server = createServer((_, response) => {
    response.writeHead(status, { "MS-CorrelationId": "c-1", "MS-RequestId": "r-1" });
    response.end(JSON.stringify({ code, description: `SECRET1 ${"is wrong. ".repeat(40)}` }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const partnerCenter = new PartnerCenter({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: () => Promise.resolve({ kind: "token", token: "t" }),
    intercept: (_, call) => call(),
    timeoutMs: 5_000,
    clock,
  });
  const job = { tenantId, jobId: "j", createdAt: 0 } as unknown as Registration;
  const outcomes = await partnerBackEnd({ partnerCenter, clock }).execute(job, asked, () => true);
  server.close();
  return outcomes.get("1");
}

test("a refusal that is not known keeps the id of the call, whole, and nothing of the device", async () => {
  const outcome = await outcomeOf(400, 77);
  expect(outcome).toMatchObject({ kind: "failed", code: "partner-center-refused" });
  const { detail } = outcome as { detail: string };
  expect(detail).toMatch(/^77: .*\(MS-CorrelationId c-1\)$/);
  expect(detail.length).toBeLessThanOrEqual(160);
  expect(detail).not.toContain("SECRET1");
});

test("a refusal that is known says what helps instead", async () => {
  const { detail } = (await outcomeOf(403, 20_002)) as { detail: string };
  expect(detail).toContain("the answer has the link to send to its administrator");
});

test("a refusal of Graph's keeps its request id", () => {
  const body = { error: { code: "BadRequest", message: "no" } };
  const answer = judge({ status: 400, headers: { "request-id": "g-1" }, body }, 0);
  expect(traced("BadRequest: no", graphTraceOf(answer))).toBe("BadRequest: no (request-id g-1)");
  expect(traced("no", undefined)).toBe("no");
});
