/**
 * Kills the worker once at every call that leaves the process: in the end the tenant is as if nothing had happened, by
 * the same writes, none of them made twice. Dying right after a call is dying right before the next one, so that each
 * call is a death after it, and the first one also a death before it. A creation that may or may not have been sent is
 * not sent again by itself: it has failed as unknown, and a retry of what failed makes it.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { UserAccounts } from "../../../../shared/identity/accounts.ts";
import {
  beginCode,
  settleSignIn,
  showWaiting,
} from "../../../../shared/sync/run/authentication.ts";
import { recheckConsents, settleConsent } from "../../../../shared/sync/run/consent.ts";
import { rejectAndReset } from "../../../../shared/sync/run/undo.ts";
import { reject } from "../../../../shared/sync/run/verdicts.ts";
import { releaseHeld } from "../../../../shared/sync/state/rules.ts";
import type { Sync } from "../../../../shared/sync/state/sync.ts";
import { typeCode, visit } from "../../../local/sandbox/sign-in/person.ts";
import { runOutLeases, type SyncRig, smallTypes, startSyncRig } from "../sync-rig.ts";

let rig: SyncRig;
const setBack = runOutLeases();
beforeAll(async () => {
  rig = await startSyncRig();
});
afterAll(async () => {
  setBack();
  await rig.stop();
});

const by = { kind: "user", id: "ada" };

/** Calls from and to which a death is worth its time: those of what a story is about. None: all of them. */
let ranges: (readonly [from: number, to: number])[] = [];
async function matters<T>(work: () => Promise<T>): Promise<T> {
  const from = rig.faults.calls().length;
  const done = await work();
  ranges.push([from, rig.faults.calls().length]);
  return done;
}

/** Something that happens to a tenant again and again, each time with the same end. */
type Story = {
  readonly type: string;
  /** What the tenant is made with, once. */
  readonly make?: (tenantId: string) => Promise<void>;
  /** What comes before, undisturbed. */
  readonly before?: (tenantId: string, run: number) => Promise<Sync | undefined>;
  /** What may be cut off at any call, and is taken up again. */
  readonly act: (tenantId: string, before: Sync | undefined) => Promise<Sync>;
  /** How many of its calls one is tried of; three where nothing is said. Stories in which a person signs in take seconds each. */
  readonly every?: number;
  /** That each run takes a tenant of its own. */
  readonly isFresh?: true;
};

const filter = (displayName: string) => ({
  displayName,
  platform: "macOS",
  rule: "(device.model -eq 'x')",
});
const firstOf = async (tenantId: string, type: string): Promise<string> => {
  const items = await rig.inTenant(tenantId, type);
  return items.find(({ id, displayName }) => id !== "0" && displayName !== "By hand")?.id ?? "";
};
const patched = async (tenantId: string, type: string, body: object): Promise<void> => {
  await rig.byHand("PATCH", tenantId, `${type}/${await firstOf(tenantId, type)}`, body);
};

/** A plan, approved and deployed. */
async function deployed(planned: Sync): Promise<Sync> {
  const { tenantId, syncId } = planned;
  if (planned.waits?.for !== "approval") throw new Error(JSON.stringify(planned));
  await rig.approve(planned);
  return ended(await rig.toRest(tenantId, syncId));
}

/** A creation whose outcome nobody knows is tried again. */
async function ended(end: Sync): Promise<Sync> {
  const { tenantId } = end;
  const unknown = (await rig.items(end)).filter(({ state }) => state === "failed");
  if (unknown.length === 0) return end;
  expect(unknown).toMatchObject([{ action: "create", reason: "outcomeUnknown" }]);
  rig.faults.revive();
  const again = await rig.sync(tenantId, { mode: "retryFailed", types: smallTypes });
  await rig.approve(again);
  return rig.toRest(tenantId, again.syncId);
}

/** A verdict, given by somebody who insists: the second time it may have been given already. */
async function given({ tenantId, syncId }: Sync, give: () => Promise<unknown>): Promise<Sync> {
  await matters(() => rig.insist(give));
  return rig.toRest(tenantId, syncId);
}

const scope = "RoleManagementPolicy.ReadWrite.Directory";
const roles = ["pimRoleSettings"];
const operator = "operator@contoso.example";

/** A sync that waits for a person, in a tenant in which nobody is signed in any more. */
async function waitsForUser(tenantId: string, run: number): Promise<Sync> {
  await new UserAccounts(rig.signInParts).remove(tenantId);
  const [policy] = await rig.inTenant(tenantId, "roleManagementPolicy");
  const rules = (policy?.["rules"] as Record<string, unknown>[] | undefined)?.map((rule) =>
    "maximumDuration" in rule ? { ...rule, maximumDuration: `PT${1 + (run % 7)}M` } : rule,
  );
  await rig.byHand("PATCH", tenantId, `roleManagementPolicy/${policy?.id}`, { rules });
  const planned = await rig.sync(tenantId, { types: roles, onMissingUser: "wait" });
  await rig.approve(planned);
  const waiting = await rig.toRest(tenantId, planned.syncId);
  expect(waiting).toMatchObject({ waits: { for: "user" } });
  return waiting;
}

const waitsStill = async ({ tenantId, syncId }: Sync): Promise<boolean> =>
  (await rig.syncOf(tenantId, syncId)).waits !== undefined;

/** Handles messages of a sync that waits, and looks after lost ones, until it waits no more or `until` holds. */
async function goOn(sync: Sync, until: () => Promise<boolean> = () => Promise.resolve(false)) {
  for (let handled = 0; handled < 30; handled += 1) {
    if (!(await waitsStill(sync)) || (await until())) return;
    const message = await rig.queues.take();
    if (message === undefined) {
      rig.pass(61_000);
      await rig.insist(() => rig.sweep());
    } else await rig.handle(message);
  }
}

const permissions = [
  "DeviceManagementConfiguration.ReadWrite.All",
  "DeviceManagementConfiguration.Read.All",
];
const consent = (tenantId: string, body: object) =>
  rig.sandbox.control("POST", `/tenants/${tenantId}/consent`, body);

const stories: Readonly<Record<string, Story>> = {
  "is started, read and planned inside the request": {
    type: "assignmentFilter",
    make: async (tenantId) => {
      await rig.sync(tenantId);
    },
    async before(tenantId, run) {
      await patched(tenantId, "assignmentFilter", { description: `drift ${run}` });
      return undefined;
    },
    async act(tenantId) {
      const asked = rig.newSync(tenantId);
      await matters(() => rig.insist(() => rig.startHere(asked)));
      return deployed(await rig.toRest(tenantId, asked.syncId));
    },
  },
  "is started, read, planned, approved and deployed": {
    every: 1,
    type: "assignmentFilter",
    async make(tenantId) {
      // So many that one deletion is no great part of them.
      for (let each = 0; each < 20; each += 1)
        await rig.byHand("POST", tenantId, "assignmentFilter", filter(`Rule ${each}`));
      await rig.settle(tenantId, { deletes: ["assignmentFilter"] });
      await rig.sync(tenantId);
      await rig.allowDeletion(tenantId, "assignmentFilter/By hand / macOS");
    },
    async before(tenantId) {
      const all = await rig.inTenant(tenantId, "assignmentFilter");
      const [one, two] = ["Rule 1", "Rule 2"].map(
        (name) => all.find(({ displayName }) => displayName === name)?.id,
      );
      await rig.byHand("PATCH", tenantId, `assignmentFilter/${one}`, { description: "drift" });
      await rig.byHand("DELETE", tenantId, `assignmentFilter/${two}`);
      await rig.byHand("POST", tenantId, "assignmentFilter", filter("By hand"));
      return undefined;
    },
    act: async (tenantId) => deployed(await rig.sync(tenantId)),
  },
  "makes what takes a while to be seen": {
    type: "assignmentFilter",
    async make(tenantId) {
      await rig.sync(tenantId);
      await rig.behave(tenantId, { consistencyMs: 20_000 });
    },
    async before(tenantId, run) {
      rig.pass(20_000);
      const name = `New ${run}`;
      const key = `${name} / macOS`;
      // As the service fills it in.
      const whole = { ...filter(name), assignmentFilterManagementType: "devices" };
      await rig.want(tenantId, [{ type: "assignmentFilter", key, name, body: whole }]);
      return undefined;
    },
    async act(tenantId) {
      const end = await deployed(await rig.sync(tenantId));
      // From before the mark until after the first look, which comes too early.
      const sent = rig.faults.calls().indexOf("graph.POST");
      ranges.push([sent - 4, sent + 6]);
      return end;
    },
  },
  "is read by messages": {
    type: "assignmentFilter",
    async before(tenantId) {
      const fault = { status: 429, retryAfter: 40, times: 1 };
      await rig.behave(tenantId, { typeFaults: { assignmentFilter: fault } });
      return undefined;
    },
    act: (tenantId) => rig.sync(tenantId, { mode: "exportOnly" }),
  },
  "is taken back": {
    type: "assignmentFilter",
    async make(tenantId) {
      await patched(tenantId, "assignmentFilter", { description: "v999" });
      await rig.sync(tenantId);
    },
    async before(tenantId, run) {
      await patched(tenantId, "assignmentFilter", { description: `v${run}` });
      return deployed(await rig.sync(tenantId));
    },
    act: async (_, before) => deployed(await matters(() => rig.undo(before as Sync))),
  },
  "is cancelled, rejected, released, rejected and reset": {
    type: "assignmentFilter",
    async make(tenantId) {
      await rig.sync(tenantId);
    },
    async before(tenantId, run) {
      await patched(tenantId, "assignmentFilter", { description: `v${run}` });
      return undefined;
    },
    async act(tenantId) {
      const first = await rig.sync(tenantId);
      expect(await given(first, () => rig.cancel(tenantId, first.syncId))).toMatchObject({
        outcome: "cancelled",
      });
      const second = await rig.sync(tenantId);
      const hash = second.plan?.hash ?? "";
      const ids = ({ syncId }: Sync) => ({ tenantId, syncId });
      expect(
        await given(second, () => reject(rig.parts, ids(second), { planHash: hash }, by)),
      ).toMatchObject({
        outcome: "rejected",
      });
      expect(await rig.status(tenantId)).toMatchObject({ held: 1 });
      await rig.insist(() => releaseHeld(rig.parts, tenantId));
      const third = await rig.sync(tenantId);
      const asked = { planHash: third.plan?.hash ?? "" };
      return given(third, () => rejectAndReset(rig.parts, ids(third), asked, by));
    },
  },
  "resends what Intune held": {
    type: "roleScopeTag",
    async make(tenantId) {
      await rig.sync(tenantId);
      await rig.behave(tenantId, { holdWrites: true });
    },
    async before(tenantId) {
      await patched(tenantId, "roleScopeTag", { description: "drift" });
      const end = await deployed(await rig.sync(tenantId));
      expect(end).toMatchObject({ deployed: { waiting: 1 } });
      type Held = { value: { code: string; tenantId: string; status: string }[] };
      const { body } = await rig.sandbox.control<Held>("GET", "/held-writes");
      for (const { code, tenantId: whose, status } of body.value)
        if (whose === tenantId && status === "needsApproval")
          await rig.sandbox.control("PUT", `/held-writes/${code}`, { status: "approved" });
      return end;
    },
    async act(tenantId, before) {
      const { syncId } = before as Sync;
      for (let minutes = 0; minutes < 12; minutes += 1) {
        rig.pass(61_000);
        await rig.insist(() => rig.sweep());
        await rig.quiet();
        const end = await rig.syncOf(tenantId, syncId);
        if (end.deployed?.waiting === 0 && end.outcome === "succeeded") return end;
      }
      throw new Error(JSON.stringify(await rig.items(before as Sync)));
    },
  },
  "goes on when somebody has typed its code": {
    every: 8,
    type: "roleManagementPolicy",
    async make(tenantId) {
      await consent(tenantId, { grantScopes: [scope] });
      await rig.sync(tenantId, { types: roles });
    },
    before: waitsForUser,
    async act(_, before) {
      const sync = before as Sync;
      while (await waitsStill(sync)) {
        // Whoever sees that it came to nothing asks for another code.
        const begun = await rig.insist(() => showWaiting(rig.signInFor, sync));
        if (!begun.ok) break;
        const shown = begun.value.code
          ? begun
          : await rig.insist(() => beginCode(rig.signInFor, sync, by));
        if (!shown.ok) break;
        const { userCode = "" } = shown.value.code ?? {};
        await typeCode(rig.sandbox, { user_code: userCode, user: operator });
        // The sweeper comes every minute, and so before the message that the three minutes are over.
        rig.pass(20_000);
        await rig.insist(() => rig.sweep());
        await goOn(sync, async () => {
          const { waits } = await rig.syncOf(sync.tenantId, sync.syncId);
          return waits?.words !== undefined && waits.signInId === undefined;
        });
      }
      return rig.toRest(sync.tenantId, sync.syncId);
    },
  },
  "goes on when a browser has come back": {
    every: 8,
    type: "roleManagementPolicy",
    async make(tenantId) {
      await consent(tenantId, { grantScopes: [scope] });
      await rig.sync(tenantId, { types: roles });
    },
    before: waitsForUser,
    async act(tenantId, before) {
      const sync = before as Sync;
      const { syncId } = sync;
      const { until: deadline = 0 } = sync.waits ?? {};
      const request = {
        tenantId,
        deadline,
        scopes: [scope],
        roles: [],
        askedBy: "",
        reference: syncId,
      };
      for (let tries = 0; tries < 3 && (await waitsStill(sync)); tries += 1) {
        const home = "http://localhost/api/v1/callbacks/sign-in";
        const { url } = await rig.insist(() => rig.signIn.beginBrowserSignIn(request, home));
        const { given: query } = await visit(url, { user: operator });
        // Where its worker dies the browser shows an error, and its person begins anew.
        await rig.attempt(async () => {
          const { end, for: whom } = await rig.signIn.finishBrowserSignIn(
            Object.fromEntries(query),
          );
          if (whom === undefined) return;
          const from = { means: "browser" as const, signInId: whom.signInId };
          await settleSignIn(rig.signInFor, sync, end, from);
        });
      }
      return rig.toRest(tenantId, syncId);
    },
  },
  "goes on when an administrator has consented": {
    type: "assignmentFilter",
    // An app's token keeps what it was given for as long as it is good.
    isFresh: true,
    async before(tenantId) {
      await consent(tenantId, { withdraw: permissions });
      const waiting = await rig.sync(tenantId);
      expect(waiting).toMatchObject({ waits: { for: "consent" } });
      return waiting;
    },
    async act(tenantId, before) {
      const sync = before as Sync;
      const { syncId: reference } = sync;
      const redirectUri = "http://localhost/api/v1/callbacks/consent";
      const asked = { tenantId, clientId: rig.parts.clientId, redirectUri, askedBy: "", reference };
      const { url } = await rig.insist(() => rig.signIn.beginConsent(asked));
      const form = new URLSearchParams({ answer: "accept" });
      const sent = await fetch(url, { method: "POST", body: form, redirect: "manual" });
      const { searchParams } = new URL(sent.headers.get("location") ?? "");
      await rig.attempt(async () => {
        const { end, for: whom } = await rig.signIn.finishConsent(Object.fromEntries(searchParams));
        if (whom !== undefined)
          await settleConsent(rig.parts, sync, end, { requestId: whom.signInId });
      });
      // Where the callback died the timer looks.
      while (await waitsStill(sync)) await rig.insist(() => recheckConsents(rig.parts, () => true));
      return rig.toRest(tenantId, sync.syncId);
    },
  },
};

const idPattern = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
/** Without ids, dates, and the number of the run. */
const plain = (value: unknown): string =>
  JSON.stringify(value)
    .replaceAll(idPattern, "id")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "time")
    .replaceAll(/PT\dM/g, "minutes")
    .replaceAll(/\b(v|New )\d+/g, "$1");

/** One run of a story, with a death on the way or none. */
async function once(
  { type, before, act }: Story,
  tenantId: string,
  number: number,
  death?: { atCall: number; when: "before" | "after" },
) {
  ranges = [];
  const past = (await rig.writes(tenantId)).total;
  const sync = await before?.(tenantId, number);
  rig.faults.reset();
  if (death) rig.faults.arm(death);
  const end = await act(tenantId, sync);
  const calls = [...rig.faults.calls()];
  rig.faults.revive();
  await rig.quiet();
  // What died between its end and the sweeper's list is struck off by the sweeper.
  await rig.sweep();
  await rig.quiet();
  const writes = (await rig.writes(tenantId)).value.slice(past);
  const made = writes.map(({ method, path, digest }) => JSON.stringify([method, path, digest]));
  const { status, active, outbox, held } = await rig.status(tenantId);
  const items = await rig.inTenant(tenantId, type);
  const types = type === "roleManagementPolicy" ? roles : smallTypes;
  const open = await rig.open(tenantId);
  return {
    calls,
    end: {
      status,
      active,
      outbox,
      held,
      open,
      outcome: end.outcome,
      doubled: made.length - new Set(made).size,
      writes: writes.map(({ method, path, body }) => plain([method, path, body])).toSorted(),
      items: [...new Set(items.map(plain))].toSorted(),
      planIsEmpty: (await rig.sync(tenantId, { types })).outcome,
    },
  };
}

describe("a sync whose worker dies at any call", () => {
  const told = Object.entries(stories).filter(
    (_, at) => (at + 1) % Math.min(2, inject("oneCaseIn")) === 0,
  );
  it.each(told)(
    "%s, and all is as if nothing had happened",
    async (_, story) => {
      const known = await rig.tenant();
      await story.make?.(known);
      const tenant = async () => (story.isFresh ? rig.tenant() : known);
      // A process remembers contents that it has read: the run whose calls are counted has to know what later ones do.
      if (!story.isFresh) await once(story, known, 9_999);
      const undisturbed = await once(story, await tenant(), 0);
      expect(undisturbed.end).toMatchObject({
        doubled: 0,
        outbox: [],
        open: [],
        planIsEmpty: "succeeded",
      });
      const { calls } = undisturbed;
      const parts = ranges.length === 0 ? [[0, calls.length] as const] : ranges;
      const all = parts.flatMap(([from, to]) =>
        Array.from({ length: to - from }, (_call, at) => from + at + 1),
      );
      const deaths = [
        { atCall: all[0] ?? 1, when: "before" as const },
        ...all.map((atCall) => ({ atCall, when: "after" as const })),
      ].filter((_death, at) => at % (inject("oneCaseIn") * (story.every ?? 3)) === 0);
      let number = 0;
      for (const death of deaths) {
        number += 1;
        const disturbed = await once(story, await tenant(), number, death);
        const where = `killed ${death.when} call ${death.atCall}, ${calls[death.atCall - 1]}`;
        expect(disturbed.end, where).toEqual(undisturbed.end);
      }
    },
    600_000,
  );
});
