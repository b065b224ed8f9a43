/**
 * Operations that are known to be some batch's: no other batch may take one of them for its own. Those of closed
 * claims are in no journal any more, so the latest are remembered here.
 */
import type { Claim } from "../base/claim.ts";

/** More than a relay starts in the time in which a call may stay without an answer. */
const maxRemembered = 20_000;

/** What is known of our operations. */
export type OwnOperations = {
  readonly add: (operationId: number) => void;
  /** All of them: those of the journal's claims, and those just started. */
  readonly known: () => ReadonlySet<number>;
};

/** Nothing but the journal's at first. */
export function ownOperations(claims: () => Iterable<Claim>): OwnOperations {
  const latest = new Set<number>();
  return {
    add: (operationId) => {
      latest.add(operationId);
      const [oldest] = latest;
      if (latest.size > maxRemembered && oldest !== undefined) latest.delete(oldest);
    },
    known: () => new Set([...latest, ...knownOperations(claims())]),
  };
}

/** Operations that batches of these claims are known to have. */
function knownOperations(claims: Iterable<Claim>): Set<number> {
  const known = new Set<number>();
  for (const { batches } of claims)
    for (const { state } of batches)
      if (state.kind === "started" && state.operationId !== undefined) known.add(state.operationId);
  return known;
}
