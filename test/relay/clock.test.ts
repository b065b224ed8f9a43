/** A relay on a server whose clock is wrong: ends of notifications are moments on Muster's clock. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { musterClock } from "../../relay/muster/muster.ts";
import { type Rig, startRig } from "./support/rig.ts";

const heard = (own: number, said: string | null): number => {
  const clock = musterClock(() => own);
  clock.hear(said);
  return clock.now() - own;
};

describe("the difference", () => {
  const at = Date.parse("2026-08-01T12:00:00Z");
  const said = (ms: number): string => new Date(at + ms).toUTCString();

  test.each([
    ["an hour ahead", said(3_600_000), 3_600_500],
    ["an hour behind", said(-3_600_000), -3_599_500],
    ["no more than the header is coarse", said(-3_000), 0],
    ["unknown without a header", null, 0],
    ["unknown for nonsense", "yesterday", 0],
  ])("is %s", (_, header, expected) => {
    expect(heard(at, header)).toBe(expected);
  });
});

const hourMs = 3_600_000;
/** Makes a process believe that it is so much later. */
const shifted = (ms: number): Record<string, string> => ({
  NODE_OPTIONS: `--import=data:text/javascript,const%20own=Date.now;Date.now=()=>own()+${ms};`,
});

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

describe.each([
  ["an hour ahead", hourMs],
  ["an hour behind", -hourMs],
])("a relay whose clock is %s", (_, ms) => {
  test("starts what is not over", async () => {
    const site = await rig.tenant();
    await site.known(shifted(ms));
    const notification = await site.send({ action: "restart", expiresAfter: "PT10M" });
    expect((await site.ended(notification)).counts).toMatchObject({ total: 3, done: 3 });
  });

  test("does not start what ended while it was away", async () => {
    const site = await rig.tenant();
    await (await site.known()).stop();
    const notification = await site.send({ action: "restart", expiresAfter: "PT2S" });
    const relayId = readFileSync(join(site.home, "relay-id"), "utf8");
    const { notificationId, from, to } = await site.claimRequest();
    // Claimed as by a relay that died right after: the next one finds it, and decides by its clock.
    await site.ask("/claims", { relayId, notificationId, from, to, mark: 16_777_300 });
    await sleep(2_000);
    site.relay(shifted(ms));
    expect((await site.ended(notification)).counts).toMatchObject({ total: 3, expired: 3 });
    expect(await site.ledger("clientOperation")).toMatchObject({ total: 0 });
  });
});
