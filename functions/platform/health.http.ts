/** Says that the app runs and reaches its storage. Open to everybody: it says nothing else. */
import * as z from "zod";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import type { TenantStore } from "../../shared/tenants/tenants.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly tenantStore: TenantStore };

const Health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });

export const healthFunction = onHttp(
  operation({
    name: "health",
    method: "GET",
    path: "api/v1/health",
    summary: "Whether the app runs and reaches its storage",
    tag: "Platform",
    anonymous: true,
    answers: { 200: { description: "It does", body: Health } },
  }),
  async (_input, { services }: Tools<Needs>) => {
    await services.tenantStore.list(1);
    return succeed(ok({ status: "ok" }));
  },
);
