/** `$batch`: up to 20 requests in one. Every part is judged by itself; the outer 200 says nothing. */
import { type GraphAnswer, judge } from "./answer.ts";
import type { GraphRequest } from "./request.ts";

/** Most parts in one batch. Source: Graph's JSON batching page. */
export const maxBatchParts = 20;

/** The body that carries the requests; ids are their positions. */
export function batchBody(requests: readonly GraphRequest[]) {
  return {
    requests: requests.map(({ method, path, body }, index) => ({
      id: String(index),
      method,
      url: path,
      // A POST part must carry a body and its type even where the same call alone has none.
      ...(method === "POST"
        ? { headers: { "Content-Type": "application/json" }, body: body ?? {} }
        : {}),
    })),
  };
}

/** Answers in the order of the requests; a part that is missing from the response is unclear. */
export function batchAnswers(body: unknown, count: number, now: number): GraphAnswer[] {
  const answers: GraphAnswer[] = Array.from({ length: count }, () => ({
    kind: "unclear",
    why: "no answer in the batch",
  }));
  const positions = new Set(Array.from(answers.keys(), String));
  for (const part of partsOf(body)) {
    const { id, status } = part;
    // Only what was asked, and only by a whole answer: the rest stays unclear.
    if (typeof id !== "string" || !positions.has(id) || typeof status !== "number") continue;
    const retryAfter = retryAfterOf(part);
    answers[Number(id)] = judge({ status, retryAfter, body: part["body"] }, now);
  }
  return answers;
}

function partsOf(body: unknown): Record<string, unknown>[] {
  const responses = (body as { responses?: unknown } | null | undefined)?.responses;
  if (!Array.isArray(responses)) return [];
  return responses.filter((part) => typeof part === "object" && part !== null);
}

function retryAfterOf(part: Record<string, unknown>): string | undefined {
  const headers = part["headers"];
  if (typeof headers !== "object" || headers === null) return undefined;
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === "retry-after");
  return found === undefined ? undefined : String(found[1]);
}
