/** What is shown of a tenant's status. */
import { expect, test } from "vitest";
import { neverSynced, type TenantSync } from "../../../shared/sync/state/sync.ts";
import { statusView } from "../../../shared/sync/views.ts";

const by = { kind: "user", id: "1", name: "Ada" } as const;
const shown = (over: Partial<TenantSync>) => statusView({ ...neverSynced("t", 0), ...over }).may;

test("nothing is offered of a sync to a tenant that rests, and no start to one that has a sync", () => {
  const status = "pendingAdminConsent";
  expect(shown({ status })).toEqual(["start", "consent", "declineConsent"]);
  const active = shown({ status, active: "s" });
  expect(active).toEqual(["consent", "continueWithoutTypes", "declineConsent", "expire", "cancel"]);
  expect(shown({ status: "idle" })).toEqual(["start"]);
  expect(shown({ status: "newError" })).toEqual(["start", "acknowledge"]);
  expect(shown({ status: "pendingApproval", active: "s" })).toContain("supersede");
});

test("what works can be paused, and what is paused be resumed", () => {
  const working = { status: "inProgress", active: "s" } as const;
  expect(shown(working)).toContain("pause");
  expect(shown(working)).not.toContain("resume");
  const paused = shown({ ...working, paused: { by, at: 0, until: 1 } });
  expect(paused).toContain("resume");
  expect(paused).not.toContain("pause");
});
