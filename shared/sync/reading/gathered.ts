/**
 * What is asked of Graph at the same moment goes in one request: the first pages of a tenant's lists, the last items that have
 * to be read by themselves, names. Each is a part with a status of its own, and judged like the request that it stands for.
 * One that does not get through is asked again by itself: neither do others wait for it, nor are they asked twice.
 */
import type { GraphAnswer } from "../../graph/answer.ts";
import { type GraphRequest, maxBatchParts } from "../../graph/client.ts";
import { inChunks } from "../../kernel/concurrency.ts";
import { type Later, mayPass, type PacedCall, type PacedGraph } from "./paced-graph.ts";

/** Graph, as far as it is only looked at. */
export type GraphReads = Pick<PacedGraph, "read" | "readTogether" | "query" | "once">;

type Question = {
  readonly request: GraphRequest;
  readonly answer: (given: Promise<GraphAnswer | Later>) => void;
};
type Gathering = { readonly asking: PacedCall; readonly questions: Question[] };

/** Gathers until whoever runs now has asked all that it has to ask. */
export function gathered(graph: GraphReads): GraphReads {
  const open = new Set<Gathering>();
  const gather = (asking: PacedCall): Gathering => {
    const gathering: Gathering = { asking, questions: [] };
    open.add(gathering);
    setImmediate(() => {
      open.delete(gathering);
      for (const part of inChunks(gathering.questions, maxBatchParts)) send(graph, asking, part);
    });
    return gathering;
  };
  const ask = (asking: PacedCall, request: GraphRequest): Promise<GraphAnswer | Later> => {
    // One a second for all apps together: they are not even asked side by side.
    if (asking.workload === "conditionalAccess") return singly(graph, asking, request);
    const { questions } = [...open].find((each) => isSame(each.asking, asking)) ?? gather(asking);
    return new Promise((answer) => questions.push({ request, answer }));
  };
  return {
    once: (asking, requests) => graph.once(asking, requests),
    query: ask,
    read: (asking, target) =>
      "path" in target
        ? ask(asking, { method: "GET", path: target.path })
        : graph.read(asking, target),
    async readTogether(asking, paths) {
      if (paths.length >= maxBatchParts) return graph.readTogether(asking, paths);
      const answers: GraphAnswer[] = [];
      const given = paths.map((path) => ask(asking, { method: "GET", path }));
      for (const answer of await Promise.all(given))
        if (answer.kind === "later") return answer;
        else answers.push(answer);
      return { kind: "answers", answers };
    },
  };
}

const singly = (
  graph: GraphReads,
  asking: PacedCall,
  request: GraphRequest,
): Promise<GraphAnswer | Later> =>
  request.method === "GET" ? graph.read(asking, request) : graph.query(asking, request);

/** Asks what was gathered, and gives everybody the own answer. */
function send(graph: GraphReads, asking: PacedCall, questions: readonly Question[]): void {
  const [first, ...others] = questions;
  if (first !== undefined && others.length === 0)
    return first.answer(singly(graph, asking, first.request));
  const requests = questions.map(({ request }) => request);
  const given = graph.once(asking, requests);
  for (const [at, { request, answer }] of questions.entries())
    answer(
      given.then((all) => {
        if (all.kind === "later") return all;
        const own = all.answers[at] as GraphAnswer;
        return mayPass(own) ? singly(graph, asking, request) : own;
      }),
    );
}

const isSame = (one: PacedCall, other: PacedCall): boolean =>
  one.asker === other.asker &&
  one.graph === other.graph &&
  one.workload === other.workload &&
  one.isUnattended === other.isUnattended;
