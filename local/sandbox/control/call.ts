/** One control request and its answer. */
import type { ServerResponse } from "node:http";
import type { State } from "../state.ts";

/** A control request. */
export type ControlCall = {
  readonly state: State;
  readonly method: string;
  readonly ids: readonly string[];
  readonly query: URLSearchParams;
  /** The JSON body; an empty object when there is none. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly response: ServerResponse;
};

/** An answer with JSON, or undefined when the handler has written its answer itself. */
export type ControlAnswer = { readonly status: number; readonly body?: unknown } | undefined;

/** Handles a control request. */
export type ControlHandler = (call: ControlCall) => ControlAnswer | Promise<ControlAnswer>;

/** 400 with a reason. */
export const refuse = (error: string): ControlAnswer => ({ status: 400, body: { error } });

/** 404 with a reason. */
export const missing = (error: string): ControlAnswer => ({ status: 404, body: { error } });
