/** A tenant's configuration at two moments beside each other. */
import * as z from "zod";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { OwnId } from "../../shared/kernel/values.ts";
import { ComparisonView, comparison } from "../../shared/sync/comparison.ts";
import { SyncPath } from "../../shared/sync/contract.ts";
import { onHttp, type Tools } from "../define.ts";
import { findSync, type SyncNeeds } from "./syncs.http.ts";

export const compareSyncsFunction = onHttp(
  operation({
    name: "syncs-compare",
    method: "GET",
    path: "api/v1/tenants/{tenantId}/syncs/{syncId}/comparison",
    summary: "What differs in the tenant between what an earlier sync left and what this one did",
    tag: "Syncs",
    params: SyncPath,
    query: z.strictObject({ with: OwnId.describe("The other sync, taken as the earlier one") }),
    answers: {
      200: { description: "Item by item, and property by property", body: ComparisonView },
    },
  }),
  async ({ params, query }, { services }: Tools<SyncNeeds>) => {
    const after = await findSync(services, params);
    if (!after.ok) return after;
    const before = await findSync(services, { ...params, syncId: query.with });
    if (!before.ok) return before;
    const compared = await comparison(services.sync, before.value, after.value);
    return compared.ok ? succeed(ok(compared.value)) : compared;
  },
);
