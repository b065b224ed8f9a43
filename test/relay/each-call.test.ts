/** Every call that a relay makes fails, in every way that a network and a server have, and nothing is lost or doubled. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runRelay } from "../../relay/relay.ts";
import { readSettings } from "../../relay/settings.ts";
import { type Call, type Fate, type Proxy, startProxy } from "./support/proxy.ts";
import { type Rig, startRig } from "./support/rig.ts";
import { type Site, until } from "./support/site.ts";

let rig: Rig;
let doors: { readonly muster: Proxy; readonly site: Proxy };
/** What happens to a tenant's calls. */
const fates = new Map<string, (call: Call) => Fate>();

const fateOf = (call: Call): Fate => {
  const [, tenantId = ""] = /\/(?:tenants|sites)\/([0-9a-f-]{36})\//.exec(call.path) ?? [];
  return fates.get(tenantId)?.(call) ?? "pass";
};

beforeAll(async () => {
  rig = await startRig();
  doors = { muster: await startProxy(rig.muster.url), site: await startProxy(rig.sandbox.url) };
  doors.muster.meddle(fateOf);
  doors.site.meddle(fateOf);
});
afterAll(async () => {
  await doors.muster.stop();
  await doors.site.stop();
  await rig.stop();
});

const devices = 3;
const page = "<html><title>Sign in</title></html>";
/** It has an effect at the site: refused there is refused, and twice is twice. */
const start = /Initiate/;
/** Refused at the beginning, the relay does not start at all. */
const hold = /\/lease$/;
/** These come only when a start has had no answer: they decide whether it is made again. */
const looks = [/SMS_ClientOperation\?.*PrimaryActionType/, /SMS_ClientOperation\(/];

/** Every other kind of call. */
const others = [
  hold,
  /\/parts\/0$/,
  /\/complete$/,
  /\/claims$/,
  /\/results$/,
  /SMS_Site\?/,
  /SMS_R_System.*ResourceId gt 0(?!\d)/,
  /SMS_R_System.*ResourceId gt [1-9]/,
  /SMS_ClientOperation\?.*select=ID/,
  /SMS_ClientOperationStatus/,
];

type Way = { readonly fate: Fate; readonly spares?: readonly RegExp[] };
const asked = { "retry-after": "1" };
const ways: Readonly<Record<string, Way>> = {
  "never arrives": { fate: "never-arrives" },
  "has its answer lost": { fate: "answer-lost" },
  "arrives late": { fate: "late" },
  "arrives twice": { fate: "twice", spares: [start] },
  "is answered 401": { fate: { status: 401 }, spares: [hold] },
  "is answered 403": { fate: { status: 403, body: "{}" }, spares: [start] },
  "is answered 404 with a page": { fate: { status: 404, body: page }, spares: [start] },
  "is answered 200 with a page": { fate: { status: 200, body: page } },
  "is answered 429": { fate: { status: 429, headers: asked } },
  "is answered 500": { fate: { status: 500 } },
  "is answered 503": { fate: { status: 503, headers: asked } },
};

/** Has the first call of each kind suffer; answers the kinds that never came. */
function suffer(site: Site, { fate, spares = [] }: Way, startIsLost: boolean) {
  const kinds = [start, ...others, ...looks];
  const seen = new Set<RegExp>();
  fates.set(site.tenantId, ({ path }) => {
    const kind = kinds.find((pattern) => pattern.test(path));
    if (kind === undefined || seen.has(kind)) return "pass";
    seen.add(kind);
    if (kind === start && startIsLost) return "answer-lost";
    return spares.includes(kind) ? "pass" : fate;
  });
  const sure = startIsLost ? kinds : [start, ...others];
  return () => sure.filter((kind) => !seen.has(kind));
}

/** Runs a relay whose calls suffer until the devices have their action; answers the notification's status. */
async function expectSurvival(site: Site): Promise<void> {
  const stopper = new AbortController();
  const settings = readSettings({
    ...site.settings,
    RELAY_MUSTER_URL: doors.muster.url,
    RELAY_ADMIN_SERVICE_URL: `${doors.site.url}/sites/${site.tenantId}/P01/AdminService`,
    RELAY_INVENTORY_MINUTES: "0.05",
    RELAY_LEASE_SECONDS: "12",
    RELAY_TIMEOUT_SECONDS: "3",
  });
  const running = runRelay(settings, () => undefined, stopper.signal);
  await until(async () => (await site.devices()).length === devices);
  const notification = await site.send({ action: "restart" });
  const { counts } = await site.ended(notification);
  expect(counts).toMatchObject({ total: devices, done: devices });
  expect(await site.ledger("clientOperation")).toMatchObject({ total: devices, doubled: 0 });
  stopper.abort();
  await running;
}

async function expectSurvivalOf(name: string, startIsLost: boolean): Promise<void> {
  const site = await rig.tenant({ devices });
  const unseen = suffer(site, ways[name] ?? { fate: "pass" }, startIsLost);
  await expectSurvival(site);
  expect(unseen()).toEqual([]);
}

const timeMs = 60_000;
describe.concurrent("the first call of each kind", () => {
  test.each(Object.keys(ways))("%s", (name) => expectSurvivalOf(name, false), timeMs);
});

describe.concurrent("the first start has no answer, and the first call of each other kind", () => {
  test.each(Object.keys(ways))("%s", (name) => expectSurvivalOf(name, true), timeMs);
});

// Longer than an answer is waited for: an empty list would mean that the start never arrived.
test.each([404, 200])(
  "a start has no answer, and every look at the site is answered %i with a page for a while",
  async (status) => {
    const site = await rig.tenant({ devices });
    let lostAt: number | undefined;
    fates.set(site.tenantId, ({ path }) => {
      if (start.test(path)) {
        const first = lostAt === undefined;
        lostAt ??= Date.now();
        return first ? "answer-lost" : "pass";
      }
      const away = lostAt !== undefined && Date.now() < lostAt + 3_000;
      return away && path.includes("/wmi/") ? { status, body: page } : "pass";
    });
    await expectSurvival(site);
  },
  timeMs,
);
