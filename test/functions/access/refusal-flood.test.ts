/** Many refused calls, over HTTP: the trail stays small and says how many it leaves out. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Door, openDoor } from "./door.ts";

let door: Door;
beforeAll(async () => {
  door = await openDoor({ rateFactor: 1 });
});
afterAll(() => door.stop());

const knock = (address: string) =>
  door.call("me-get", { token: "nonsense", headers: { "x-forwarded-for": address } });

test("refused calls of strangers cannot fill the trail, and the trail says how many it leaves out", async () => {
  const flood = 250;
  for (let n = 0; n < flood; n += 1) expect((await knock("203.0.113.1")).status).toBe(401);
  const written = door.events.length;
  // One event for each five seconds comes to the first sixty.
  expect(written).toBeGreaterThanOrEqual(60);
  expect(written).toBeLessThan(flood / 2);
  await knock("203.0.113.2");
  expect(door.events).toHaveLength(written + 1);
  expect(door.events.at(-1)).toMatchObject({
    ip: "203.0.113.2",
    step: "malformed",
    after: { unrecorded: flood - written },
  });
});

test("of a large body that is refused, its length is kept", async () => {
  const { token } = await door.holder("partner", { kind: "everything" });
  const deviceIds = Array.from({ length: 10_000 }, () => crypto.randomUUID());
  const target = { kind: "tenant" };
  const send = (body: object) =>
    door.call("notifications-send", { token, params: { tenantId: crypto.randomUUID() }, body });
  expect((await send({ action: "restart", target: { kind: "devices", deviceIds } })).status).toBe(
    403,
  );
  expect(door.events.at(-1)?.after).toMatch(/^\[\d{4} characters\]$/);
  await send({ action: "restart", target });
  expect(door.events.at(-1)?.after).toMatchObject({ action: "restart", target });
});
