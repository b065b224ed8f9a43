/** What becomes of a device run by what an action came to, where the action's time is over. */
import { describe, expect, it } from "vitest";
import type { StepOutcome } from "../../../shared/provisioning/actions/action-type.ts";
import {
  deviceRunOf,
  packDeviceRun,
  unpackDeviceRun,
} from "../../../shared/provisioning/device-run.ts";
import { outcomeFor } from "../../../shared/provisioning/outcomes.ts";
import { TemplateAction } from "../../../shared/provisioning/templates/template.ts";

const now = 1_700_000_000_000;
const hourMs = 3_600_000;
const action = TemplateAction.parse({ id: "a", name: "A", type: "freshStart" });
const device = deviceRunOf({
  deviceId: "d",
  name: "PC",
  operatingSystem: "Windows",
  osVersion: "10.0",
  managementAgent: "mdm",
  complianceState: "",
  lastSyncDateTime: "",
  source: "intune",
});
const item = {
  targetId: "d",
  name: "PC",
  state: "claimed",
  route: 0,
  at: now,
  attempts: 1,
  claimedAt: now,
  learned: packDeviceRun({ ...device, begunAt: now - 2 * hourMs }),
} as const;
const held: StepOutcome = {
  kind: "later",
  afterMs: 600_000,
  throttled: false,
  code: "waits-for-approval-at-intune",
  why: "a second administrator has to approve it",
  note: "code-1",
};
const at = { action, step: { mayRepeat: false, isFree: false }, now };

describe("what could not be done yet", () => {
  it("has failed where the action's time is over", () => {
    expect(outcomeFor(item, held, at)).toMatchObject({ kind: "failed", code: "timed-out" });
  });

  it("waits on where somebody outside has to agree, whose time is not the action's, and remembers under which code", () => {
    const outcome = outcomeFor(item, { ...held, isHeld: true }, at);
    expect(outcome).toMatchObject({
      kind: "later",
      code: "waits-for-approval-at-intune",
      kept: "",
    });
    const learned = unpackDeviceRun("learned" in outcome ? outcome.learned : undefined);
    expect(learned).toEqual({ ...device, note: "code-1" });
  });
});
