/** Calls operations one after the other, as their examples have them, and remembers what answers name. */
import { setTimeout as sleep } from "node:timers/promises";
import { operations } from "../../functions/functions.ts";
import { examples, type Found } from "../functions/support/examples.ts";
import type { RunningApp } from "../functions/support/running-app.ts";

const byId = new Map(operations.map((operation) => [operation.name, operation]));

/** What an operation answered: its status, and the code of a problem. */
export type Answers = Record<string, string>;

/** Calls those that `takes` says, in the order of the examples. */
export async function walk(
  app: RunningApp,
  found: Found,
  takes: (id: string, method: string) => boolean,
): Promise<Answers> {
  const answers: Answers = {};
  for (const [id, { body, query = "", keep = [] }] of Object.entries(examples)) {
    const operation = byId.get(id);
    if (operation === undefined || !takes(id, operation.method)) continue;
    const path = operation.path.replaceAll(
      /\{(\w+)\}/g,
      (_, name: string) => found.get(name) ?? `no-${name}`,
    );
    for (let tries = 0; tries < 50; tries += 1) {
      const call = { body: body?.(found) };
      const { status, body: said } = await app.call(operation.method, `/${path}?${query}`, call);
      const { code, value } = (said ?? {}) as { code?: string; value?: unknown[] };
      answers[id] = status < 400 ? String(status) : `${status} ${code}`;
      const one = (value?.[0] ?? said ?? {}) as Record<string, unknown>;
      const names = keep.filter((name) => typeof one[name] === "string");
      for (const name of names) found.set(name, String(one[name]));
      if (names.length === keep.length) break;
      await sleep(100);
    }
  }
  return answers;
}
