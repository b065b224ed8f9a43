/** How often a sync waits for Graph before it knows names, and whom policies hit: questions are asked beside each other. */
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Shaped } from "../../../shared/sync/items/canonical.ts";
import { NameFinder } from "../../../shared/sync/reading/find-names.ts";
import { LockOutReader } from "../../../shared/sync/reading/lock-out-facts.ts";
import type { PacedGraph } from "../../../shared/sync/reading/paced-graph.ts";
import type { Repository } from "../../../shared/sync/revisions/revisions.ts";

const globalAdmin = "62e90394-69f5-4237-9190-012177145e10";
const answers: readonly (readonly [RegExp, readonly object[]])[] = [
  [/roleAssignments/, [{ roleDefinitionId: globalAdmin, principalId: "u1", principal: {} }]],
  [/transitiveMembers/, [{ id: "u1" }]],
  [/groups\?/, [{ id: "glass" }]],
  [/./, [{ id: "x", displayName: "X" }]],
];

const pause = async (): Promise<undefined> => {
  for (let each = 0; each < 5; each += 1) await setImmediate();
  return undefined;
};

/** Graph, which answers everything that was asked so far at once, and counts how often somebody had to wait for that. */
function inRounds() {
  const waiting: (() => void)[] = [];
  let rounds = 0;
  const answer = async (path: string) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    const value = answers.find(([pattern]) => pattern.test(path))?.[1];
    return { kind: "ok", status: 200, body: { value } };
  };
  const graph = {
    read: (_: unknown, { path = "" }: { path?: string }) => answer(path),
    query: (_: unknown, { path }: { path: string }) => answer(path),
    readTogether: async (_: unknown, paths: readonly string[]) => ({
      kind: "answers",
      answers: await Promise.all(paths.map(answer)),
    }),
  } as unknown as PacedGraph;
  const through = async <T>(work: Promise<T>): Promise<T> => {
    const done = work.then((answered) => ({ answered }));
    for (;;) {
      const ended = await Promise.race([done, pause()]);
      if (ended !== undefined) return ended.answered;
      if (waiting.length > 0) rounds += 1;
      for (const go of waiting.splice(0)) go();
    }
  };
  return { graph, through, rounds: () => rounds };
}

const revisions = {
  list: () => Promise.resolve([]),
  content: () => Promise.resolve({ items: [] }),
} as unknown as Repository;

test("the names of all that a policy refers to are one wait", async () => {
  const { graph, through, rounds } = inRounds();
  const references = ["user", "group", "directoryRole", "servicePrincipal"].map(($ref) => ({
    $ref,
    id: globalAdmin,
  }));
  const items = [{ references }] as unknown as Shaped[];
  const found = await through(new NameFinder(graph, revisions).find("t", items, {}));
  expect(found.kind).toBe("found");
  expect(rounds()).toBe(1);
});

test("whom policies hit is two waits, however many groups they name", async () => {
  const { graph, through, rounds } = inRounds();
  const groups = Array.from({ length: 5 }, (_, at) => ({ id: `g${at}`, name: `G${at}` }));
  const asked = { breakGlassGroups: ["Glass"], tree: {}, groups };
  const reader = new LockOutReader({ graph, revisions, clientId: "c" });
  expect(await through(reader.facts("t", asked))).toMatchObject({
    administrators: [{ id: "u1", groups: ["g0", "g1", "g2", "g3", "g4", "glass"] }],
    breakGlass: [{ id: "u1" }],
  });
  expect(rounds()).toBe(2);
});
