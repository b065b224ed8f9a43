/**
 * Ids of claims. Each carries the site's highest operation number from before the claim, so that a relay
 * that asks for the claim again, with its journal or without, knows which of the site's operations can be
 * the claim's. No clock of the site's is asked. Pure.
 */
import type { Instant } from "../kernel/clock.ts";
import { newestFirstId } from "../kernel/ids.ts";

const idChars = 22;
const radix = 36;

/** A new claim's id. */
export const newClaimId = (now: Instant, operationMark: number): string =>
  newestFirstId(now) + operationMark.toString(radix);

/** The operation number that a claim's id carries. */
export const operationMarkOf = (claimId: string): number =>
  Number.parseInt(claimId.slice(idChars), radix);
