/** What a step of a claim came to. */

/** The site's highest operation, where it is known, and how long to wait before the next step. */
export type Step = { readonly mark?: number | undefined; readonly waitMs?: number };
