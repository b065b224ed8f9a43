/** One Graph request and its answer, whether it came by itself or as a part of a batch. */
import type { Behaviour } from "../behaviour.ts";
import type { Tenant } from "../fleet/tenants.ts";
import type { State } from "../state.ts";

/** The versions of Graph that are served. */
export type GraphVersion = "v1.0" | "beta";

/** A request that has been let in: the caller is known and may do this. */
export type GraphCall = {
  readonly state: State;
  readonly tenant: Tenant;
  readonly behaviour: Behaviour;
  readonly version: GraphVersion;
  readonly method: string;
  /** `http://127.0.0.1:1234`, as the caller reached us; links in answers start with it. */
  readonly origin: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The values of the path's placeholders, in order. */
  readonly ids: readonly string[];
  readonly body: JsonBody;
  readonly requestId: string;
  readonly clientRequestId: string | undefined;
  /** The app that calls. */
  readonly appId: string;
  /** Who has signed in, where the app calls in somebody's name. */
  readonly userId: string | undefined;
  /** Now, in ms since 1970: one moment for the whole request. */
  readonly now: number;
};

/** What the body of a request came to. */
export type JsonBody =
  | { readonly kind: "none" }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "malformed" };

/** An answer. `body` is JSON text unless `contentType` says otherwise. */
export type GraphAnswer = {
  readonly status: number;
  readonly body?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Answers a request that has been let in. */
export type GraphHandler = (call: GraphCall) => GraphAnswer;

/** 200 with JSON text. */
export const ok = (body: string): GraphAnswer => ({ status: 200, body });

/** 204. */
export const noContent: GraphAnswer = { status: 204 };
