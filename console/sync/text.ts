/** The texts of this room, and what its pages know of a sync. */
import type { Answered } from "../../clients/api.ts";
import { textsOf } from "../text/text.ts";
import en from "./en.json";
import fr from "./fr.json";

export const useText = textsOf(en, fr);

/** A sync as the API has it. */
export type Sync = Extract<
  Answered<"GET /api/v1/tenants/{tenantId}/syncs/{syncId}">,
  { status: 200 }
>["body"];
/** Which sync it is. */
export type SyncIds = Pick<Sync, "tenantId" | "syncId">;
/** What it did. */
export type Report = Extract<
  Answered<"GET /api/v1/tenants/{tenantId}/syncs/{syncId}/report">,
  { status: 200 }
>["body"];
