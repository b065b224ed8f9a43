/**
 * Graph at a tenant's pace: every request has a place at the throttle of its workload, a 429 moves everybody's, and
 * what passes is asked again a few times. Waits of seconds are waited here; longer ones are the caller's, who has a
 * queue for that.
 */
import { LRUCache } from "lru-cache";
import type { GraphAnswer } from "../../graph/answer.ts";
import type { GraphClient, GraphRequest, GraphVersion } from "../../graph/client.ts";
import {
  type Rate,
  rateOf,
  type ThrottleSetting,
  type ThrottleStore,
  type Workload,
} from "../../graph/throttle.ts";
import { backoffMs, type Clock } from "../../kernel/clock.ts";

/** Not now: nothing was asked. */
export type Later = { readonly kind: "later"; readonly afterMs: number; readonly why: string };

/** Answers to several questions, in their order. */
type Answers = { readonly kind: "answers"; readonly answers: readonly GraphAnswer[] };

/** The app by a tenant's id, or somebody who has signed in there. */
export type Asker = Parameters<GraphClient["ask"]>[0];

/** Somebody who has signed in. */
export type Account = Exclude<Asker, string>;

/** Whoever is signed in for a tenant, or why nobody is. */
export type UserAccess =
  | { readonly kind: "account"; readonly account: Account }
  | { readonly kind: "signInNeeded" }
  | { readonly kind: "blocked"; readonly detail: string };

/** Whom to ask, and on whose account. */
export type PacedCall = {
  readonly tenantId: string;
  readonly asker: Asker;
  readonly graph: GraphVersion;
  readonly workload: Workload;
  /** That nobody waits for what is read: where a tenant is throttled, others go first. */
  readonly isUnattended?: boolean;
};

/** Source: learn.microsoft.com/graph/throttling, on priorities. */
const headersOf = ({ isUnattended }: PacedCall): { readonly headers?: Record<string, string> } =>
  isUnattended === true ? { headers: { "x-ms-throttle-priority": "low" } } : {};

/** Longest wait inside an invocation, in ms. */
const maxWaitMs = 3_000;
const maxTries = 5;
/** Where Graph does not say how long, as conditional access never does. */
const unsaidMs = 1_000;

/** What it works with. */
type PacedParts = {
  readonly graph: Pick<GraphClient, "ask" | "askTogether" | "follow">;
  readonly throttle: Pick<ThrottleStore, "reserve" | "defer">;
  /** The tenant's own settings, by workload. */
  readonly pace: (
    tenantId: string,
  ) => Promise<Readonly<Record<string, ThrottleSetting | undefined>>>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly wait: (ms: number) => Promise<void>;
};

/** Places that were taken ahead, from the next free one. */
type Held = { startAt: number; places: number; readonly until: number };
type Taking = {
  readonly tenantId: string;
  readonly workload: Workload;
  readonly cost: number;
  readonly rate: Rate;
};

/** So much of a burst is taken ahead, and so long it is good for: what is not used by then is lost to everybody. */
const heldPart = 0.25;
const heldMs = 2_000;

function use(held: Held, cost: number, { intervalMs }: Rate): number {
  const { startAt } = held;
  held.startAt += cost * intervalMs;
  held.places -= cost;
  return startAt;
}

/** GraphReads, paced. Answers that may differ the next time come back only when a few tries gave nothing better. */
export class PacedGraph {
  readonly #parts: PacedParts;
  readonly #held = new LRUCache<string, Held>({ max: 1_000 });
  readonly #pending = new Map<string, Promise<number>>();

  constructor(parts: PacedParts) {
    this.#parts = parts;
  }

  /** Reads, or follows a link; tried again while it may get through. */
  async read(
    asking: PacedCall,
    target: { readonly path: string } | { readonly nextLink: string },
  ): Promise<GraphAnswer | Later> {
    const { graph } = this.#parts;
    const result = await this.#persist(asking, 1, async () => {
      const answer =
        "path" in target
          ? await graph.ask(asking.asker, asking.graph, {
              method: "GET",
              path: target.path,
              ...headersOf(asking),
            })
          : await graph.follow(asking.asker, target.nextLink, headersOf(asking).headers);
      return [answer];
    });
    return result.kind === "later" ? result : (result.answers[0] as GraphAnswer);
  }

  /** GraphReads what only looks, though it is no GET: as often as a read. */
  async query(asking: PacedCall, request: GraphRequest): Promise<GraphAnswer | Later> {
    const result = await this.#persist(asking, 1, async () => [
      await this.#parts.graph.ask(asking.asker, asking.graph, request),
    ]);
    return result.kind === "later" ? result : (result.answers[0] as GraphAnswer);
  }

  /** Reads up to 20 things in one request; those whose answers pass are asked again, the others never twice. */
  async readTogether(asking: PacedCall, paths: readonly string[]): Promise<Answers | Later> {
    const requests = paths.map(
      (path): GraphRequest => ({ method: "GET", path, ...headersOf(asking) }),
    );
    let answers: GraphAnswer[] = [];
    let open = requests.map((_, at) => at);
    return this.#persist(asking, requests.length, async () => {
      const part = open.map((at) => requests[at] as GraphRequest);
      const given = await this.#parts.graph.askTogether(asking.asker, asking.graph, part);
      answers = requests.map((_, at) => {
        const nth = open.indexOf(at);
        return nth < 0 ? (answers[at] as GraphAnswer) : (given[nth] as GraphAnswer);
      });
      open = answers.flatMap((answer, at) => (mayPass(answer) ? [at] : []));
      return answers;
    });
  }

  /** GraphReads up to 20 things that only look in one request, and once: what may pass is the caller's to ask again. */
  async once(asking: PacedCall, requests: readonly GraphRequest[]): Promise<Answers | Later> {
    const place = await this.#place(asking, requests.length);
    if (place !== undefined) return place;
    const answers = await this.#parts.graph.askTogether(
      asking.asker,
      asking.graph,
      requests.map((request) => ({ ...request, ...headersOf(asking) })),
    );
    const waits = answers.flatMap((answer) =>
      answer.kind === "throttled" ? [answer.retryAfterMs ?? unsaidMs] : [],
    );
    if (waits.length > 0) await this.#defer(asking, Math.max(...waits));
    return { kind: "answers", answers };
  }

  /** Writes, once: whether it may be written again is for the caller to find out. */
  async write(asking: PacedCall, request: GraphRequest): Promise<GraphAnswer | Later> {
    const place = await this.#place(asking, 1);
    if (place !== undefined) return place;
    const answer = await this.#parts.graph.ask(asking.asker, asking.graph, request);
    if (answer.kind === "throttled") await this.#defer(asking, answer.retryAfterMs);
    return answer;
  }

  async #persist(
    asking: PacedCall,
    cost: number,
    ask: () => Promise<readonly GraphAnswer[]>,
  ): Promise<Answers | Later> {
    for (let tries = 1; ; tries += 1) {
      const place = await this.#place(asking, cost);
      if (place !== undefined) return place;
      const answers = await ask();
      const passing = answers.find(mayPass);
      if (passing === undefined) return { kind: "answers", answers };
      if (passing.kind === "throttled") {
        const waitMs = await this.#defer(asking, passing.retryAfterMs);
        if (waitMs > maxWaitMs || tries >= maxTries)
          return { kind: "later", afterMs: waitMs, why: passing.why };
        continue;
      }
      if (tries >= maxTries) return { kind: "answers", answers };
      await this.#parts.wait(
        backoffMs(tries, { baseMs: 200, maxMs: 2_000, random: this.#parts.random() }),
      );
    }
  }

  /** Takes a place and waits for it; a place that is too far off is for the caller to come back to. */
  async #place({ tenantId, workload }: PacedCall, cost: number): Promise<Later | undefined> {
    const { pace, clock, wait } = this.#parts;
    const rate = rateOf(workload, (await pace(tenantId))[workload]);
    if (rate === undefined) return undefined;
    const startAt = await this.#startOf(tenantId, workload, cost, rate);
    const now = clock.now();
    // The burst of a rate may go ahead of its places.
    const waitMs = startAt - now - (rate.burst - 1) * rate.intervalMs;
    if (waitMs <= 0) return undefined;
    if (waitMs > maxWaitMs)
      return { kind: "later", afterMs: waitMs, why: "the tenant's pace is used up for now" };
    await wait(waitMs);
    return undefined;
  }

  /**
   * When a request's place is. Places are taken several at once, where a workload has many: a row that is read and
   * written for every request would cost more than what it paces. Those that read side by side take turns at it.
   */
  async #startOf(tenantId: string, workload: Workload, cost: number, rate: Rate): Promise<number> {
    const key = `${tenantId} ${workload}`;
    const pending = (this.#pending.get(key) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#take(key, { tenantId, workload, cost, rate }));
    this.#pending.set(key, pending);
    try {
      return await pending;
    } finally {
      if (this.#pending.get(key) === pending) this.#pending.delete(key);
    }
  }

  async #take(key: string, { tenantId, workload, cost, rate }: Taking): Promise<number> {
    const { throttle, clock } = this.#parts;
    const now = clock.now();
    const held = this.#held.get(key);
    if (held !== undefined && held.places >= cost && now < held.until) return use(held, cost, rate);
    const places = Math.max(cost, Math.floor(rate.burst * heldPart));
    const { startAt } = await throttle.reserve(tenantId, workload, places, now, rate);
    const fresh = { startAt, places, until: now + heldMs };
    this.#held.set(key, fresh);
    return use(fresh, cost, rate);
  }

  async #defer({ tenantId, workload }: PacedCall, saidMs: number | undefined): Promise<number> {
    const { throttle, clock } = this.#parts;
    this.#held.delete(`${tenantId} ${workload}`);
    const waitMs = saidMs ?? unsaidMs;
    const now = clock.now();
    await throttle.defer(tenantId, workload, now + waitMs, now);
    return waitMs;
  }
}

/** What the next try may answer differently; of a read, nothing is lost by it. */
export const mayPass = ({ kind }: GraphAnswer): boolean =>
  kind === "throttled" || kind === "busy" || kind === "unclear" || kind === "dependencyFailed";
