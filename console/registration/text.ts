/** Texts of registrations, and what they are told of a list, a customer and a registration. */
import type { BodyOf } from "../../clients/api.ts";
import { textsOf } from "../text/text.ts";
import en from "./en.json";
import fr from "./fr.json";

export const useText = textsOf(en, fr);
export type Text = ReturnType<typeof useText>;

/** A customer. */
export type Customer = BodyOf<"GET /api/v1/customers/{tenantId}">;
/** What was found of a list. */
export type Verdict = BodyOf<"POST /api/v1/tenants/{tenantId}/registrations">;
/** A registration. */
export type Registration = BodyOf<"GET /api/v1/tenants/{tenantId}/registrations/{registrationId}">;

/** The sentence of a registration: it follows the counts, and never says that all is well while something is not. */
export function sentenceOf({ counts, final, backEnd }: Registration, t: Text): string {
  const { total, waiting, submitted, registered } = counts;
  const kind = backEnd === "deregister" ? "out" : "in";
  const bad = (["failed", "notSubmitted", "cancelled", "unknown"] as const).filter(
    (each) => counts[each] > 0,
  );
  const parts = bad.map((each) => t(`registration.part.${each}`, { count: counts[each] }));
  const list = [t("registration.part.registered", { count: registered, kind }), ...parts].join(
    ", ",
  );
  if (!final) return t("registration.soFar", { list, open: waiting + submitted, total });
  if (bad.length === 0) return t("registration.allDone", { count: registered, kind });
  if (counts.failed === total) return t("registration.allFailed", { total });
  return t("registration.finished", { list });
}
