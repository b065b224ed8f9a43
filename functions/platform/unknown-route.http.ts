/**
 * Answers every path that no other function takes. The host goes by the order of function names and
 * takes a wrong method for no match at all, so this one is named to come last, and tells the two apart.
 * For the same reason the preflights of browsers come here, whatever their path.
 */

import { type Operation, valuesIn } from "../../shared/http/operation.ts";
import { fail } from "../../shared/kernel/failure.ts";
import { type HttpFunction, onHttp } from "../define.ts";

/** Paths and methods that exist. */
export type Known = Pick<Operation, "method" | "path">;

/** Builds the function over the operations that exist. */
export function unknownRouteFunction(known: readonly Known[]): HttpFunction<object> {
  const { operation, ...rest } = onHttp(
    {
      name: "zz-unknown-route",
      method: "GET",
      path: "{*path}",
      summary: "No such path",
      tag: "Platform",
      answers: {},
    },
    async ({ url }) => {
      const allowed = known
        .filter(({ path }) => valuesIn(path, url.pathname) !== undefined)
        .map(({ method }) => method);
      return Promise.resolve(
        allowed.length > 0
          ? fail("method-not-allowed", `${url.pathname} takes ${allowed.join(", ")}.`, {
              allowedMethods: allowed,
            })
          : fail("unknown-route", `There is no ${url.pathname}. See /api/v1/openapi.json.`),
      );
    },
  );
  return { ...rest, operation, methods };
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
