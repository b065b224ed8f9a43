/** Says whether the app can do its work now, for load balancers and monitors. Open to everybody: it names parts, and no more. */
import * as z from "zod";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { fail, succeed } from "../../shared/kernel/failure.ts";
import type { Readiness } from "../../shared/work/readiness.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly missing: Readiness };

const Ready = z.object({ status: z.literal("ready") }).meta({ id: "Ready" });
const retryAfterSeconds = 10;

export const readyFunction = onHttp(
  operation({
    name: "ready",
    method: "GET",
    path: "api/v1/ready",
    summary:
      "Whether storage, the sealing key and the sign-in service answer, and the clock is right",
    tag: "Platform",
    anonymous: true,
    answers: { 200: { description: "All of it", body: Ready } },
  }),
  async (_input, { services, log }: Tools<Needs>) => {
    const missing = await services.missing();
    if (missing.length === 0) return succeed(ok({ status: "ready" }));
    log("platform.not-ready", { missing });
    return fail("not-ready", `Not ready: ${missing.join(", ")}.`, { retryAfterSeconds });
  },
);
