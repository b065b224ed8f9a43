/** What is listed as a table: tenants, devices, approvals and tasks; and what is done to one of them in a single call. */
import type { ItemOf, ListName, Outcome } from "../api.ts";
import {
  type Asked,
  type Commands,
  exitCodes,
  heard,
  type Options,
  type Run,
  Stop,
} from "./asked.ts";
import { type Row, show, table } from "./print.ts";

/** How many rows somebody asked for. */
function topIn({ top = "50" }: Options): number {
  if (/^[1-9]\d{0,5}$/.test(top)) return Number(top);
  throw new Stop("--top takes a number from 1 to 999999.");
}

/** Lists so many as were asked for; `none` is said where there are none. */
const list =
  <N extends ListName>(
    name: N,
    none: string,
    row: (item: ItemOf<N>) => Row,
    query: (options: Options) => object = () => ({}),
  ): Run =>
  async (asked) => {
    const { api, options } = asked;
    const most = topIn(options);
    const params = name.includes("{tenantId}") ? { tenantId: await asked.tenantId() } : {};
    const pages = api.pages(name, ...([{ params, query: query(options) }] as never));
    const found: ItemOf<N>[] = [];
    for await (const page of pages as AsyncIterable<Outcome<"GET /api/v1/tenants">>) {
      found.push(...(heard(page).body.value as unknown as ItemOf<N>[]));
      if (found.length > most) break;
    }
    const value = found.slice(0, most);
    const more = found.length > most ? "\nThere are more: --top shows them." : "";
    show(asked, value, () => table(value.map(row), none) + more);
    return exitCodes.done;
  };

/** Shows what came of a call, in a line. */
function said<B>(asked: Asked, body: B, words: (body: B) => string) {
  show(asked, body, words);
  return exitCodes.done;
}

const approval = "/api/v1/tenants/{tenantId}/approvals/{approvalId}";

const decide =
  (verdict: "approve" | "reject"): Run =>
  async (asked) => {
    const { api, options, words } = asked;
    const [approvalId = ""] = words;
    const params = { tenantId: await asked.tenantId(), approvalId };
    // The verdict is on what is shown now: had it changed meanwhile, the digest would be refused.
    const { digest } = heard(await api.call(`GET ${approval}`, { params })).body;
    const body = { digest, ...(options.note === undefined ? {} : { comment: options.note }) };
    const name = `POST ${approval}/${verdict}` as const;
    const decided = heard(await api.call(name, { params, body })).body;
    return said(asked, decided, ({ subject, state }) => `${subject.summary}: ${state}`);
  };

const schedule =
  (kind: "now" | "none"): Run =>
  async (asked) => {
    const [taskId = ""] = asked.words;
    const params = { tenantId: await asked.tenantId(), taskId };
    const body = { schedule: { kind } };
    const name = "POST /api/v1/tenants/{tenantId}/tasks/{taskId}/schedule";
    const task = heard(await asked.api.call(name, { params, body })).body;
    return said(asked, task, ({ displayName, stateNames }) => `${displayName}: ${stateNames.en}`);
  };

export const tableCommands: Commands = {
  tenants: list(
    "GET /api/v1/tenants",
    "No tenant is registered that you may see.",
    ({ displayName: tenant, tenantId: id, sync }) => {
      const { names, since = "" } = sync ?? {};
      return { tenant, id, status: names?.en ?? "", since };
    },
  ),
  "tenants add": async (asked) => {
    const [tenantId = ""] = asked.words;
    const body = { tenantId, displayName: asked.options.name ?? tenantId };
    const added = heard(await asked.api.call("POST /api/v1/tenants", { body })).body;
    return said(asked, added, ({ displayName }) => `Registered ${displayName}.`);
  },
  devices: list(
    "GET /api/v1/tenants/{tenantId}/devices",
    "No device is as you said. Import them: npm run muster -- devices refresh --wait",
    ({ name: device, deviceId: id, operatingSystem: os, osVersion, lastSyncDateTime: last }) => {
      return { device, id, system: `${os} ${osVersion}`, "last sync": last };
    },
    (options) => {
      const top = Math.min(topIn(options), 1000);
      return { operatingSystem: options.os, namePrefix: options.name, top };
    },
  ),
  approvals: list(
    "GET /api/v1/tenants/{tenantId}/approvals",
    "Nothing waits for approval.",
    ({ approvalId: id, state, subject, requestedBy, expiresAt: until }) => {
      const by = requestedBy.name ?? requestedBy.kind;
      return { approval: id, state, devices: subject.count, what: subject.summary, by, until };
    },
  ),
  "approvals approve": decide("approve"),
  "approvals reject": decide("reject"),
  task: list(
    "GET /api/v1/tenants/{tenantId}/tasks",
    "No task is in this folder.",
    ({ displayName: task, taskId: id, stateNames, waitsFor, next }) => {
      const state = stateNames.en;
      return { task, id, state, "waits for": waitsFor.join(", "), next: next?.at ?? "" };
    },
    // What is no folder is refused by the API, which names those that are.
    ({ folder }) => ({ folder }),
  ),
  "task run": schedule("now"),
  "task stop": schedule("none"),
};
