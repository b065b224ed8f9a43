/** Entra's numbers, as far as two rooms read them. Source: learn.microsoft.com/entra/identity-platform/reference-error-codes. */

/** Endless loops are stopped by the service: whoever is told so had better stay away for so long. */
export const loopDetected = 50_196;
export const loopRestMs = 300_000;

/** Trouble of the service's own, which it also says under OAuth's names for what is final. */
export const passingSignInCodes: ReadonlySet<number> = new Set([
  50_033,
  50_087,
  90_006,
  90_012,
  90_024,
  90_025,
  90_033,
  90_055,
  loopDetected,
]);
