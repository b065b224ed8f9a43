/** The texts of this room, and what its pages know of a tenant in the list. */
import type { ItemOf } from "../../clients/api.ts";
import { textsOf } from "../text/text.ts";
import en from "./en.json";
import fr from "./fr.json";

export const useText = textsOf(en, fr);

/** A tenant as the list has it. */
export type TenantRow = ItemOf<"GET /api/v1/tenants">;
/** How it stands with its syncs. */
export type SyncState = NonNullable<TenantRow["sync"]>;
