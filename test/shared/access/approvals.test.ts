import { assert, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Approval,
  type ApprovalRule,
  approvalLifecycle,
  asOf,
  decideOn,
  type Person,
  ruleFor,
} from "../../../shared/access/approvals/approval.ts";
import { ApprovalGate } from "../../../shared/access/approvals/approval-gate.ts";
import { randomId } from "../../../shared/kernel/values.ts";
import { caller } from "./installation.ts";
import { newTenant, noon, openOwnTables } from "./tables.ts";

type ApprovalState = keyof typeof approvalLifecycle;

const person = (id: string): Person => ({ principal: { kind: "user", homeTenantId: "home", id } });
const [ana, bo, cy] = [person("ana"), person("bo"), person("cy")] as const;
const hour = 3_600_000;
/** The digest that the approval has. */
const seen = "d".repeat(64);

const waiting: Approval = {
  approvalId: "a1",
  tenantId: "t1",
  state: "pendingApproval",
  subject: {
    kind: "notification",
    id: "n1",
    summary: "restart 500 devices",
    action: "restart",
    parameters: {},
    target: { kind: "tenant" },
    count: 500,
  },
  digest: seen,
  requestedBy: ana,
  requester: caller("ana"),
  approvers: ["user"],
  createdAt: noon,
  expiresAt: noon + hour,
};

describe("rules", () => {
  const restarts: ApprovalRule = {
    kind: "notification",
    actions: ["restart"],
    tenantIds: "all",
    moreThan: 100,
    expiresAfterHours: 24,
    withinHours: 24,
    approvers: ["user"],
  };
  const scripts: ApprovalRule = {
    kind: "notification",
    actions: ["runScript"],
    tenantIds: "all",
    moreThan: 0,
    expiresAfterHours: 8,
    withinHours: 24,
    approvers: ["user"],
  };
  const one: ApprovalRule = {
    kind: "notification",
    actions: "all",
    tenantIds: ["t2"],
    moreThan: 10,
    expiresAfterHours: 1,
    withinHours: 24,
    approvers: ["user"],
  };
  const rules = [restarts, scripts, one];
  test.each([
    ["restart", "t1", 100, undefined],
    ["restart", "t1", 101, restarts],
    ["runScript", "t1", 1, scripts],
    ["runScript", "t1", 0, scripts],
    ["downloadComputerPolicy", "t1", 50_000, undefined],
    ["downloadComputerPolicy", "t2", 10, undefined],
    ["downloadComputerPolicy", "t2", 11, one],
    ["restart", "t2", 101, one],
  ])("%s in %s for %s devices", (action, tenantId, count, expected) => {
    expect(ruleFor(rules, { kind: "notification", action, tenantId, count })).toEqual(expected);
    expect(ruleFor(rules, { kind: "sync", action, tenantId, count })).toBeUndefined();
  });
});

describe("the lifecycle", () => {
  const states = Object.keys(approvalLifecycle) as ApprovalState[];
  const verdicts = ["approve", "reject"] as const;
  test.each(states.flatMap((state) => verdicts.map((event) => ({ state, event }))))(
    "$event in $state does what the table says",
    ({ state, event }) => {
      const decided = decideOn({ ...waiting, state }, { event, by: bo, digest: seen, now: noon });
      const next = approvalLifecycle[state][event];
      expect(decided.kind === "decided" ? decided.approval.state : undefined).toBe(next);
    },
  );

  test("nobody decides on their own request, whatever they say and whenever", () => {
    const verdict = record({
      event: constantFrom(...verdicts),
      by: constantFrom(ana, { ...ana, name: "Another Name" }),
      digest: constantFrom(seen, "other"),
      now: integer({ min: noon - hour, max: noon + 2 * hour }),
    });
    assert(
      property(verdict, constantFrom(...states), (given, state) => {
        expect(decideOn({ ...waiting, state }, given)).toEqual({
          kind: "refused",
          why: "own-request",
        });
      }),
    );
  });

  test.each([["the same id in another directory", { ...ana.principal, homeTenantId: "other" }]])(
    "%s is somebody else",
    (_name, principal) => {
      const decided = decideOn(waiting, {
        event: "approve",
        by: { principal },
        digest: seen,
        now: noon,
      });
      expect(decided.kind).toBe("decided");
    },
  );

  test.each([
    ["app", ["user"], "approve", "no-person"],
    ["bootstrap", ["user"], "approve", "no-person"],
    ["app", ["app"], "approve", undefined],
    ["user", ["app"], "approve", "no-person"],
    ["app", ["user"], "reject", undefined],
  ] as const)("%s, where %s may approve, to %s: %s", (kind, approvers, event, why) => {
    const by = { principal: { ...bo.principal, kind } };
    const decided = decideOn({ ...waiting, approvers }, { event, by, digest: seen, now: noon });
    expect(decided.kind === "refused" ? decided.why : undefined).toBe(why);
  });

  test("a verdict on something else is refused, whichever it is", () => {
    for (const event of verdicts)
      expect(decideOn(waiting, { event, by: bo, digest: "e".repeat(64), now: noon })).toEqual({
        kind: "refused",
        why: "other-digest",
      });
  });

  test("what nobody decided in time has expired, to the millisecond", () => {
    expect(asOf(waiting, noon + hour - 1).state).toBe("pendingApproval");
    expect(asOf(waiting, noon + hour)).toMatchObject({ state: "expired", decidedAt: noon + hour });
    expect(decideOn(waiting, { event: "approve", by: bo, digest: seen, now: noon + hour })).toEqual(
      {
        kind: "refused",
        why: "expired",
      },
    );
  });

  test("saying the same twice changes nothing; saying something else is refused", () => {
    const first = decideOn(waiting, { event: "approve", by: bo, digest: seen, now: noon });
    const approved = first.kind === "decided" ? first.approval : waiting;
    const again = { event: "approve", by: bo, digest: seen, now: noon + 1 } as const;
    expect(decideOn(approved, again)).toEqual({ kind: "already", approval: approved });
    expect(decideOn(approved, { ...again, by: cy })).toMatchObject({ why: "already-decided" });
    expect(decideOn(approved, { ...again, event: "reject" })).toMatchObject({
      why: "already-decided",
    });
  });
});

const die = () => Promise.reject(new Error("died"));
const open = async () => {
  const moved: Approval[] = [];
  const tables = await openOwnTables();
  const at = (now: number) => new ApprovalGate(tables, { now: () => now });
  const settled = async (approval: Approval) => void moved.push(approval);
  return { gate: at(noon), at, settled, moved };
};

describe("kept in tables", () => {
  const rule: ApprovalRule = {
    kind: "notification",
    actions: "all",
    tenantIds: "all",
    moreThan: 0,
    expiresAfterHours: 1,
    withinHours: 24,
    approvers: ["user"],
  };
  const ask = async ({ gate }: Awaited<ReturnType<typeof open>>) => {
    const tenantId = newTenant();
    const { subject, digest, requestedBy, requester } = waiting;
    const asked = { subject, digest, requestedBy, requester };
    return gate.ask(rule, { approvalId: randomId(), tenantId, ...asked });
  };

  test("asking twice asks once", async () => {
    const deps = await open();
    const first = await ask(deps);
    const again = await deps.at(noon + 5).ask(rule, first);
    expect(again).toEqual(first);
  });

  test("of many who decide at once, one does, and what is held is moved as that one said", async () => {
    const deps = await open();
    const asked = await ask(deps);
    const voters = Array.from({ length: 8 }, (_, n) => person(`voter-${n}`));
    const answers = await Promise.all(
      voters.map((by, n) =>
        deps.gate.settle(
          asked,
          { event: n % 2 === 0 ? "approve" : "reject", by, digest: seen },
          deps.settled,
        ),
      ),
    );
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect(deps.moved).toHaveLength(1);
    const stored = await deps.gate.get(asked.tenantId, asked.approvalId);
    expect(stored?.approval).toEqual(deps.moved[0]);
  });

  test("a verdict whose second step died is finished when it is repeated", async () => {
    const deps = await open();
    const asked = await ask(deps);
    const verdict = { event: "approve", by: bo, digest: seen } as const;
    await expect(deps.gate.settle(asked, verdict, die)).rejects.toThrow("died");
    expect((await deps.gate.settle(asked, verdict, deps.settled)).ok).toBe(true);
    expect(deps.moved.map(({ state }) => state)).toEqual(["approved"]);
  });

  test.each([
    ["the requester", ana, noon, "forbidden"],
    ["somebody too late", bo, noon + hour, "conflict"],
  ])("%s is refused, and nothing moves", async (_name, by, now, code) => {
    const deps = await open();
    const asked = await ask(deps);
    const verdict = { event: "approve", by, digest: seen } as const;
    const answer = await deps.at(now).settle(asked, verdict, deps.settled);
    expect(answer).toMatchObject({ ok: false, failure: { code } });
    expect(deps.moved).toEqual([]);
  });

  test("another tenant's approval is unknown", async () => {
    const deps = await open();
    const { approvalId } = await ask(deps);
    const ids = { tenantId: newTenant(), approvalId };
    const verdict = { event: "approve", by: bo, digest: seen } as const;
    const answer = await deps.gate.settle(ids, verdict, deps.settled);
    expect(answer).toMatchObject({ ok: false, failure: { code: "unknown-approval" } });
  });

  test("what one person sends within the hours of a rule adds up over any number of requests", async () => {
    const few: ApprovalRule = { ...rule, moreThan: 1000, withinHours: 24 };
    const tenantId = newTenant();
    const base = await open();
    const send = (at: number, id: string, count: number, by = ana.principal) =>
      base.at(at).needed([few], {
        kind: "notification",
        action: "restart",
        tenantId,
        count,
        id,
        by,
      });
    const key = { tenantId, principal: ana.principal, action: "restart" };
    const minutes = Array.from({ length: 495 }, (_, n) => ({
      id: `n${n}`,
      at: noon + n * 60_000,
      count: 2,
    }));
    await base.gate.replaceSent(key, minutes, undefined);
    for (let n = 495; n < 500; n += 1)
      expect(await send(noon + n * 60_000, `n${n}`, 2)).toBeUndefined();
    // The row stays small, whatever was sent: older requests are kept by the hour.
    expect((await base.gate.sent(key)).sent.length).toBeLessThan(210);
    const later = noon + 500 * 60_000;
    expect(await send(later, "more", 1)).toEqual(few);
    // The last one again, whose answer was lost; somebody else; and the same a day later.
    expect(await send(later, "n499", 2)).toBeUndefined();
    expect(await send(later, "other", 1000, bo.principal)).toBeUndefined();
    expect(await send(later + 24 * hour, "tomorrow", 1000)).toBeUndefined();
  });

  test("rules are replaced whole, and only by who read them", async () => {
    const deps = await open();
    const before = await deps.gate.rules();
    const written = await deps.gate.replaceRules({ rules: [rule] }, before.etag);
    expect(written.ok).toBe(true);
    const intent = { kind: "notification", action: "restart", tenantId: "t1", count: 1 } as const;
    const rules = await deps.gate.rulesAbout(intent);
    const asked = { ...intent, id: "n1", by: ana.principal };
    expect(await deps.gate.needed(rules, asked)).toEqual(rule);
    expect(await deps.gate.replaceRules({ rules: [] }, 'W/"old"')).toMatchObject({
      failure: { code: "precondition-failed" },
    });
  });
});
