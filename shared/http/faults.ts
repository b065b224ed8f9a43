/** What is wrong with a request's content, with the JSON pointer of each fault. */
import type { z } from "zod";
import { type Failure, type Fault, fail } from "../kernel/failure.ts";

/** A JSON pointer (RFC 6901) for a path inside a document. */
export const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** Turns a schema's complaints into faults below `prefix`; an unknown property is named by itself. */
export function faultsOf(error: z.ZodError, prefix = ""): Fault[] {
  return error.issues.flatMap((issue) => faultsOfIssue(issue, prefix));
}

function faultsOfIssue(issue: z.core.$ZodIssue, prefix: string): Fault[] {
  const pointer = prefix + pointerOf(issue.path);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      pointer: pointer + pointerOf([key]),
      detail: "unknown property",
    }));
  if (issue.code === "invalid_union") {
    const closest = closestBranch(issue.errors);
    if (closest.length > 0) return closest.flatMap((inner) => faultsOfIssue(inner, pointer));
  }
  return [{ pointer, detail: issue.message }];
}

/** Of a union's branches, the one that most likely was meant: the one with the lightest complaints. */
function closestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]) {
  const [first, ...rest] = branches;
  return rest.reduce(
    (best, branch) => (weightOf(branch) < weightOf(best) ? branch : best),
    first ?? [],
  );
}

/** Whoever got deep before something was wrong was on the right branch. */
const deepWeight = 0.001;

/** A value that is wrong inside weighs less than a shape that is none of this branch's. */
function weightOf(branch: readonly z.core.$ZodIssue[]): number {
  return branch.reduce((sum, issue) => {
    if (issue.code === "unrecognized_keys") return sum + issue.keys.length;
    if (issue.path.length > 1) return sum + deepWeight;
    const noSuchKind = issue.code === "invalid_union" && issue.errors.length === 0;
    return sum + (noSuchKind ? 2 : 1);
  }, 0);
}

/** The failure that refuses a request whole and names every fault. */
export function invalidRequest(faults: readonly Fault[]): { ok: false; failure: Failure } {
  const places = faults.map(({ pointer }) => pointer || "the whole").slice(0, 5);
  const more = faults.length > places.length ? ` and ${faults.length - places.length} more` : "";
  return fail(
    "invalid-request",
    `Nothing was done: ${faults.length} fault(s), at ${places.join(", ")}${more}. See errors.`,
    { faults },
  );
}
