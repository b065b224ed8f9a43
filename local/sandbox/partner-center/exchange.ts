/** What Partner Center's operations are given and answer. */
import type { Behaviour } from "../behaviour.ts";
import type { Tenant } from "../fleet/tenants.ts";
import type { State } from "../state.ts";

/** A request that was let in. */
export type PartnerCall = {
  readonly state: State;
  /** The customer, where the path names one. */
  readonly tenant?: Tenant;
  readonly behaviour: Behaviour;
  readonly query: URLSearchParams;
  readonly ids: readonly string[];
  readonly body: unknown;
  readonly continuation: string | undefined;
  readonly ifMatch: string | undefined;
  readonly now: number;
  /** Where links for people lead. */
  readonly origin: string;
};

/** An answer. */
export type PartnerAnswer = {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Answers one operation. */
export type PartnerHandler = (call: PartnerCall) => PartnerAnswer;

/** An error as Partner Center words it. */
export const refused = (status: number, code: number, description: string): PartnerAnswer => ({
  status,
  body: { code, description, data: [], source: "PartnerFD" },
});

/** A list. */
export const collection = (items: readonly unknown[], more: object = {}): PartnerAnswer => ({
  status: 200,
  body: { totalCount: items.length, items, ...more, attributes: { objectType: "Collection" } },
});

/** What names a version of a resource. */
export const etagOf = (...parts: readonly unknown[]): string =>
  Buffer.from(JSON.stringify(parts)).toString("base64url");
