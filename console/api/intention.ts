/** What a call is given, told apart from what another is given. */
import type { CallInput, CallName } from "../../clients/api.ts";

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What a page gives a call; signals and keys are this room's business. */
export type GivenTo<N extends CallName> = Without<CallInput<N>, "signal" | "idempotencyKey">;

const files = new WeakMap<Blob, string>();

/** A text that is the same for the same; a file is known by itself, not by its content. */
export const textOf = (given: unknown): string =>
  JSON.stringify(given, (_key, value: unknown) => {
    if (!(value instanceof Blob)) return value;
    const known = files.get(value) ?? crypto.randomUUID();
    files.set(value, known);
    return known;
  });
