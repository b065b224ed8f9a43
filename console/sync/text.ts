/** The texts of this room, and what its pages know of a sync. */
import type { BodyOf } from "../../clients/api.ts";
import { textsOf } from "../text/text.ts";
import en from "./en.json";
import fr from "./fr.json";

export const useText = textsOf(en, fr);
export type Text = ReturnType<typeof useText>;

/** A sync as the API has it. */
export type Sync = BodyOf<"GET /api/v1/tenants/{tenantId}/syncs/{syncId}">;
/** Which sync it is. */
export type SyncIds = Pick<Sync, "tenantId" | "syncId">;
/** What it did. */
export type Report = BodyOf<"GET /api/v1/tenants/{tenantId}/syncs/{syncId}/report">;

type Left = { readonly reason?: string | undefined; readonly detail?: string | undefined };

/** Why something of a sync was not done: what was said of it, or else its reason's name. */
export const whyOf = ({ reason = "", detail }: Left, t: Text): string =>
  detail === undefined ? t.named("syncReasons", reason) : t.said(detail);
