/** Which devices of a run can be restarted where, as tables, and what makes an offer void. */
import { describe, expect, it } from "vitest";
import type { Item, ItemState } from "../../../../shared/fanout/state/item.ts";
import {
  changedSince,
  planRestart,
  type RestartChoice,
  type RestartFacts,
} from "../../../../shared/provisioning/restart/plan-restart.ts";
import {
  type PlacedAction,
  type SectionId,
  TemplateAction,
} from "../../../../shared/provisioning/templates/template.ts";

const placed = (id: string, section: SectionId, required = true): PlacedAction => ({
  section,
  action: TemplateAction.parse({ id, name: `Action ${id}`, type: "wait", required }),
});
const actions = [
  placed("keep", "systemMigration"),
  placed("image", "osInstallation"),
  placed("note", "systemConfiguration", false),
  placed("join", "systemConfiguration"),
  placed("scan", "systemConfiguration"),
];
const item = (targetId: string, state: ItemState, step: number): Item => ({
  targetId,
  name: targetId.toUpperCase(),
  state,
  step,
  route: 0,
  at: 0,
  attempts: state === "waiting" ? 0 : 1,
});
const items = [
  item("done", "done", 4),
  item("failed", "failed", 3),
  item("early", "failed", 1),
  item("never", "cancelled", 0),
  item("running", "sent", 3),
  item("unsure", "unknown", 3),
];
/** One whose time was over while it waited for its first action. */
const unseen: Item = { ...item("unseen", "expired", 0), attempts: 0 };
const facts: RestartFacts = {
  actions,
  actionsNow: actions,
  items,
  busy: new Map(),
  gone: new Set(),
};
const all: RestartChoice = { mode: "whole", include: ["failed"], waive: [] };
const plan = (choice: Partial<RestartChoice>, over: Partial<RestartFacts> = {}) =>
  planRestart({ ...all, ...choice }, { ...facts, ...over });
const steps = (result: ReturnType<typeof planRestart>) =>
  result.kind === "plan"
    ? result.devices.map(({ deviceId, step }) => [deviceId, step])
    : [result.code, ...(result.faults ?? []).map(({ pointer }) => pointer)];

describe("a restart", () => {
  it.for([
    [
      "of the whole template",
      {},
      [
        ["failed", 0],
        ["early", 0],
        ["unsure", 0],
      ],
    ],
    [
      "also of those never tried",
      { include: ["failed", "notAttempted"] },
      [
        ["failed", 0],
        ["early", 0],
        ["never", 0],
        ["unsure", 0],
      ],
    ],
    ["of one that is named", { deviceIds: ["failed"] }, [["failed", 0]]],
    [
      "from the last failed required action",
      { mode: "lastFailedRequired" },
      [
        ["failed", 3],
        ["early", 1],
        ["unsure", 3],
      ],
    ],
    [
      "from an earlier action",
      { mode: "fromAction", actionId: "keep" },
      [
        ["failed", 0],
        ["early", 0],
        ["unsure", 0],
      ],
    ],
    [
      "from an action that some have not reached",
      { mode: "fromAction", actionId: "join" },
      ["not-restartable", "/include"],
    ],
    [
      "with the missing ones waived",
      { mode: "fromAction", actionId: "join", waive: [{ actionId: "image", reason: "by hand" }] },
      [
        ["failed", 3],
        ["early", 3],
        ["unsure", 3],
      ],
    ],
    [
      "in a section around the installation",
      { mode: "fromAction", actionId: "image" },
      ["section-not-restartable"],
    ],
    [
      "from an action that is none",
      { mode: "fromAction", actionId: "other" },
      ["not-restartable", "/actionId"],
    ],
    [
      "of a device that succeeded",
      { deviceIds: ["failed", "done"] },
      ["not-restartable", "/deviceIds/1"],
    ],
    ["of a device that runs", { deviceIds: ["running"] }, ["not-restartable", "/deviceIds/0"]],
    ["of a device of no such run", { deviceIds: ["other"] }, ["not-restartable", "/deviceIds/0"]],
    [
      "of those never tried, where an action failed last",
      { mode: "lastFailedRequired", include: ["notAttempted"] },
      ["nothing-to-restart"],
    ],
  ] as const)("%s begins where it should, or is refused whole", ([, choice, expected]) => {
    expect(steps(plan(choice))).toEqual(expected);
  });

  it("leaves out whoever is not there any more, and says so of those that are named", () => {
    const gone = new Set(["early"]);
    expect(steps(plan({}, { gone })).map(([id]) => id)).not.toContain("early");
    expect(plan({ deviceIds: ["early"] }, { gone })).toMatchObject({
      code: "not-restartable",
      faults: [{ detail: expect.stringContaining("not there for you any more") }],
    });
  });

  it("of a device that never began runs the whole template, for no action has failed there", () => {
    const only = { items: [unseen] };
    expect(steps(plan({}, only))).toEqual([["unseen", 0]]);
    expect(steps(plan({ mode: "lastFailedRequired" }, only))).toEqual(["nothing-to-restart"]);
  });

  it("of a device that another run has is refused where it is named, and else leaves it out", () => {
    const busy = new Map([["early", "run2"]]);
    expect(steps(plan({}, { busy }))).toEqual([
      ["failed", 0],
      ["unsure", 0],
    ]);
    expect(plan({ deviceIds: ["early"] }, { busy })).toMatchObject({
      code: "not-restartable",
      faults: [{ pointer: "/deviceIds/0", detail: "EARLY: run run2 has it now" }],
    });
  });

  it("goes on after parameters were mended, and not in another order; the whole template can always run", () => {
    const [first, second, ...rest] = actions;
    const mended = actions.map((each) => ({
      ...each,
      action: { ...each.action, parameters: { duration: "PT2M" } },
    }));
    const turned = [second, first, ...rest].filter((each) => each !== undefined);
    const mode = "lastFailedRequired";
    expect(plan({ mode }, { actionsNow: mended }).kind).toBe("plan");
    expect(plan({ mode }, { actionsNow: turned })).toMatchObject({ code: "template-changed" });
    expect(plan({ mode }, { actionsNow: actions.slice(1) })).toMatchObject({
      code: "template-changed",
    });
    expect(plan({}, { actionsNow: turned }).kind).toBe("plan");
  });
});

it("an offer is void with the template, with a device, and with one more", () => {
  const before = { templateHash: "h", variables: "v", devices: [["a", 3, "failed", 1]] } as const;
  expect(changedSince(before, before)).toEqual([]);
  expect(changedSince(before, { ...before, templateHash: "i" })).toHaveLength(1);
  expect(changedSince(before, { ...before, devices: [] })).toEqual([
    "device a can no longer be restarted",
  ]);
  expect(changedSince(before, { ...before, devices: [["a", 3, "done", 1]] })).toEqual([
    "device a was failed and is done",
  ]);
  expect(changedSince(before, { ...before, variables: "w" })).toHaveLength(1);
  const more = [...before.devices, ["b", 0, "failed", 1]] as const;
  expect(changedSince(before, { ...before, devices: more })).toHaveLength(1);
});
