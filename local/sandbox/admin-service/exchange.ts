/** What AdminService's operations are given and answer. */
import type { Behaviour } from "../behaviour.ts";
import type { Tenant } from "../fleet/tenants.ts";
import type { State } from "../state.ts";

/** A request that was let in. */
export type SiteCall = {
  readonly state: State;
  readonly tenant: Tenant;
  readonly behaviour: Behaviour;
  readonly query: URLSearchParams;
  /** What the path names, in its order. */
  readonly ids: readonly string[];
  /** The body, parsed; undefined when there was none or it is not JSON. */
  readonly body: unknown;
  readonly now: number;
};

/** An answer. */
export type SiteAnswer = { readonly status: number; readonly body?: unknown };

/** Answers one operation. */
export type SiteHandler = (call: SiteCall) => SiteAnswer;

/** A list, as OData wraps it. */
export const list = (value: readonly unknown[]): SiteAnswer => ({
  status: 200,
  body: { "@odata.context": "AdminService/wmi/$metadata", value },
});

/** A refusal in AdminService's words. */
export const refused = (status: number, message: string): SiteAnswer => ({
  status,
  body: { error: { code: "", message } },
});
