/** `$batch`: up to 20 requests in one. Every part is judged by itself; the outer 200 says nothing. */
import { type GraphAnswer, judge } from "./answer.ts";
import { type GraphRequest, headersOf } from "./request.ts";

/** Most parts in one batch. Source: Graph's JSON batching page. */
export const maxBatchParts = 20;

/** The body that carries the requests; ids are their positions. */
export function batchBody(requests: readonly GraphRequest[]) {
  if (requests.length > maxBatchParts)
    throw new RangeError(`${requests.length} requests do not fit in a batch`);
  return {
    requests: requests.map((request, index) => {
      const { method, path, body, dependsOn = [] } = request;
      // A part that writes must carry a body and its type even where the same call alone has none.
      const carries = method !== "GET" && method !== "DELETE";
      const headers = headersOf(request, carries);
      return {
        id: String(index),
        method,
        url: path,
        ...(Object.keys(headers).length > 0 ? { headers } : {}),
        ...(carries ? { body: body ?? {} } : {}),
        ...(dependsOn.length > 0 ? { dependsOn: dependsOn.map(String) } : {}),
      };
    }),
  };
}

/** Answers in the order of the requests; a part that is missing from the response is unclear. */
export function batchAnswers(
  body: unknown,
  requests: readonly GraphRequest[],
  now: number,
): GraphAnswer[] {
  const answers = requests.map(
    (): GraphAnswer => ({
      kind: "unclear",
      why: "no answer in the batch",
    }),
  );
  const positions = new Set(Array.from(answers.keys(), String));
  for (const part of partsOf(body)) {
    const { id, status } = part;
    // Only what was asked, and only by a whole answer: the rest stays unclear.
    if (typeof id !== "string" || !positions.has(id) || typeof status !== "number") continue;
    const { headers, body: words } = part;
    const dependent = (requests[Number(id)]?.dependsOn ?? []).length > 0;
    answers[Number(id)] = judge(
      { status, body: words, dependent, ...(isRecord(headers) ? { headers } : {}) },
      now,
    );
  }
  return answers;
}

function partsOf(body: unknown): Record<string, unknown>[] {
  const responses = (body as { responses?: unknown } | null | undefined)?.responses;
  if (!Array.isArray(responses)) return [];
  return responses.filter(isRecord);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
