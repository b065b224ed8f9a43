/** Questions that are asked at once go to Graph together; each is judged by itself, and what does not get through goes alone. */
import { expect, test } from "vitest";
import type { GraphAnswer } from "../../../shared/graph/answer.ts";
import type { GraphRequest } from "../../../shared/graph/client.ts";
import { type GraphReads, gathered } from "../../../shared/sync/reading/gathered.ts";
import type { PacedCall } from "../../../shared/sync/reading/paced-graph.ts";

const lists: PacedCall = {
  tenantId: "t",
  asker: "t",
  graph: "v1.0",
  workload: "identityReads",
};
const ok = (path: string): GraphAnswer => ({ kind: "ok", status: 200, body: { path } });

/** Graph, that notes what it is asked; `answer`: to a part, where that is not simply ok. */
function noting(answer: (path: string) => GraphAnswer = ok) {
  const alone: string[] = [];
  const together: string[][] = [];
  const graph: GraphReads = {
    read: (_, target) => {
      const asked = "path" in target ? target.path : target.nextLink;
      alone.push(asked);
      return Promise.resolve(ok(asked));
    },
    query: (_, { path }) => {
      alone.push(path);
      return Promise.resolve(ok(path));
    },
    readTogether: (_, paths) => {
      together.push([...paths]);
      return Promise.resolve({ kind: "answers", answers: paths.map(ok) });
    },
    once: (_, requests: readonly GraphRequest[]) => {
      const paths = requests.map(({ path }) => path);
      together.push(paths);
      return Promise.resolve({ kind: "answers", answers: paths.map(answer) });
    },
  };
  return { graph: gathered(graph), alone, together };
}

test("what is asked at the same moment is one request, and everybody gets the own answer", async () => {
  const { graph, alone, together } = noting();
  const [one, two, items] = await Promise.all([
    graph.read(lists, { path: "/a" }),
    graph.query({ ...lists }, { method: "POST", path: "/b", body: {} }),
    graph.readTogether({ ...lists }, ["/c", "/d"]),
  ]);
  expect([one, two]).toEqual([ok("/a"), ok("/b")]);
  expect(items).toEqual({ kind: "answers", answers: [ok("/c"), ok("/d")] });
  expect(together).toEqual([["/a", "/b", "/c", "/d"]]);
  expect(await graph.read(lists, { path: "/e" })).toEqual(ok("/e"));
  expect(alone).toEqual(["/e"]);
});

test("only what has the same version, workload and asker goes together, at most twenty, and no conditional access", async () => {
  const { graph, alone, together } = noting();
  const others: Partial<PacedCall>[] = [
    { graph: "beta" },
    { workload: "configurationReads" },
    { asker: "another" },
    { isUnattended: true },
  ];
  const access: PacedCall = { ...lists, workload: "conditionalAccess" };
  const many = Array.from({ length: 21 }, (_, at) => `/${at}`);
  await Promise.all([
    ...many.map((path) => graph.read(lists, { path })),
    ...others.map((other, at) => graph.read({ ...lists, ...other }, { path: `/other${at}` })),
    graph.read(access, { path: "/policies" }),
    graph.read(access, { path: "/locations" }),
  ]);
  expect(together).toEqual([many.slice(0, 20)]);
  expect(alone.toSorted()).toEqual(
    ["/20", "/locations", "/other0", "/other1", "/other2", "/other3", "/policies"].toSorted(),
  );
});

const passing: readonly GraphAnswer[] = [
  { kind: "throttled", why: "too many" },
  { kind: "busy", why: "busy" },
  { kind: "unclear", why: "cut" },
];

test.each(passing)(
  "a part that is $kind is asked again alone, and the others are not",
  async (answer) => {
    const { graph, alone, together } = noting((path) => (path === "/a" ? answer : ok(path)));
    const answers = await Promise.all(
      ["/a", "/b", "/c"].map((path) => graph.read(lists, { path })),
    );
    expect(answers).toEqual([ok("/a"), ok("/b"), ok("/c")]);
    expect(together).toHaveLength(1);
    expect(alone).toEqual(["/a"]);
  },
);

test("a part that is refused is refused, and is not asked again", async () => {
  const no: GraphAnswer = { kind: "refused", reason: "forbidden", code: "no", message: "no" };
  const { graph, alone } = noting((path) => (path === "/a" ? no : ok(path)));
  const answers = await Promise.all(["/a", "/b"].map((path) => graph.read(lists, { path })));
  expect(answers).toEqual([no, ok("/b")]);
  expect(alone).toEqual([]);
});
