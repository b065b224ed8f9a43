/** What Graph's answers to an action mean for each device, judged on answers of every kind. */
import { describe, expect, it, test } from "vitest";
import { passedOn, restartNow } from "../../../shared/devices/actions/catalogue.ts";
import { bulkOutcomes, outcomeOf, send } from "../../../shared/devices/actions/send.ts";
import type { GraphAnswer } from "../../../shared/graph/answer.ts";
import type { GraphClient } from "../../../shared/graph/client.ts";

const refused = (
  reason: "signedOut" | "forbidden" | "notFound" | "other" | "conflict",
): GraphAnswer => ({
  kind: "refused",
  reason,
  code: "Code",
  message: "words",
});

describe("an answer for one device", () => {
  test.each<[GraphAnswer | undefined, object]>([
    [{ kind: "ok", status: 204, body: undefined }, { kind: "accepted" }],
    [
      { kind: "throttled", retryAfterMs: 7, why: "w" },
      { kind: "later", throttled: true, afterMs: 7 },
    ],
    [
      { kind: "throttled", why: "w" },
      { kind: "later", throttled: true },
    ],
    [
      { kind: "busy", why: "w" },
      { kind: "later", throttled: false },
    ],
    [
      { kind: "unclear", why: "cut" },
      { kind: "unclear", why: "cut" },
    ],
    [{ kind: "ok", status: 200, body: { "@odata.context": "c" } }, { kind: "accepted" }],
    [{ kind: "ok", status: 200, body: { status: "blocked" } }, { kind: "unclear" }],
    [undefined, { kind: "unclear" }],
    [refused("notFound"), { kind: "failed", code: "device-not-found", detail: "Code: words" }],
    [refused("forbidden"), { kind: "failed", code: "graph-forbidden" }],
    [refused("signedOut"), { kind: "failed", code: "sign-in-failed" }],
    [refused("other"), { kind: "failed", code: "graph-refused" }],
    [refused("conflict"), { kind: "failed", code: "graph-refused" }],
    [
      { kind: "approvalNeeded", approvalCode: "c-1", why: "held" },
      {
        kind: "failed",
        code: "approval-needed-at-intune",
        detail: expect.stringContaining("c-1"),
      },
    ],
    [
      { kind: "dependencyFailed", why: "the one before" },
      { kind: "later", throttled: false, why: "the one before" },
    ],
  ])("%o means %o", (answer, outcome) => {
    expect(outcomeOf(answer)).toMatchObject(outcome);
    expect("afterMs" in outcomeOf(answer)).toBe("afterMs" in outcome);
  });
});

const bulk = (deviceIds: readonly string[], answer: GraphAnswer) =>
  [...bulkOutcomes(deviceIds, answer).values()].map((outcome) =>
    "code" in outcome ? `${outcome.kind} ${outcome.code}` : outcome.kind,
  );

describe("a bulk answer", () => {
  it("means for each device what its list says; one that no list names is unclear", () => {
    const body = {
      successfulDeviceIds: ["A"],
      failedDeviceIds: ["b"],
      notFoundDeviceIds: ["c"],
      notSupportedDeviceIds: ["d"],
    };
    expect(bulk(["a", "b", "c", "d", "e"], { kind: "ok", status: 200, body })).toEqual([
      "accepted",
      "singly",
      "failed device-not-found",
      "declined not-supported-by-device",
      "unclear",
    ]);
  });

  it("that names strangers says nothing about them", () => {
    const body = { successfulDeviceIds: ["a", "z"] };
    const outcomes = bulkOutcomes(["a"], { kind: "ok", status: 200, body });
    expect([...outcomes.keys()]).toEqual(["a"]);
  });

  test.each([undefined, "text", { successfulDeviceIds: "a" }, { failedDeviceIds: [1] }])(
    "that reads %o is unclear",
    (body) => {
      expect(bulk(["a"], { kind: "ok", status: 200, body })).toEqual(["unclear"]);
    },
  );

  test.each<[GraphAnswer, string]>([
    [refused("other"), "singly"],
    [refused("forbidden"), "singly"],
    [refused("notFound"), "singly"],
    [refused("signedOut"), "failed sign-in-failed"],
    [{ kind: "throttled", why: "w" }, "later"],
    [{ kind: "busy", why: "w" }, "later"],
    [{ kind: "unclear", why: "w" }, "unclear"],
  ])("that is %o means %s for all", (answer, outcome) => {
    expect(bulk(["a", "b"], answer)).toEqual([outcome, outcome]);
  });
});

describe("a batch", () => {
  const route = passedOn("wakeUpClient");
  const deviceIds = ["a", "b", "c", "d"];

  it("is judged part by part", async () => {
    const answers = [
      { kind: "ok", status: 204 },
      { kind: "throttled" },
      { kind: "busy" },
      refused("notFound"),
    ];
    const graph = { askTogether: () => Promise.resolve(answers) } as unknown as GraphClient;
    const outcomes = await send(graph, "t", { route, form: "batch", deviceIds }, () => ({
      parameters: {},
    }));
    expect([...outcomes.values()].map(({ kind }) => kind)).toEqual([
      "accepted",
      "later",
      "later",
      "failed",
    ]);
  });

  it("that Graph refuses as such is asked for one by one", async () => {
    const whole = refused("other");
    const asked: string[] = [];
    const graph = {
      askTogether: () => Promise.resolve(deviceIds.map(() => whole)),
      ask: (_: string, __: string, { path }: { path: string }) => {
        asked.push(path.split("/").at(-2) ?? "");
        return Promise.resolve({ kind: "ok", status: 204 });
      },
    } as unknown as GraphClient;
    const outcomes = await send(graph, "t", { route, form: "batch", deviceIds }, () => ({
      parameters: {},
    }));
    expect(asked).toEqual(deviceIds);
    expect([...outcomes.values()].every(({ kind }) => kind === "accepted")).toBe(true);
  });

  it("of one device goes as a request of its own", async () => {
    const graph = {
      ask: () => Promise.resolve({ kind: "ok", status: 204 }),
    } as unknown as GraphClient;
    const call = {
      route: { ...restartNow, fidelity: "exact", managements: [] },
      form: "batch",
      deviceIds: ["a"],
    } as const;
    expect((await send(graph, "t", call, () => ({ parameters: {} }))).get("a")).toEqual({
      kind: "accepted",
    });
  });
});
