/** Serves the API's own description. */
import * as z from "zod";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly openApi: () => Readonly<Record<string, unknown>> };

export const openApiFunction = onHttp(
  operation({
    name: "openapi",
    method: "GET",
    path: "api/v1/openapi.json",
    summary: "This description of the API (OpenAPI 3.1)",
    tag: "Platform",
    anonymous: true,
    answers: { 200: { description: "The description", body: z.record(z.string(), z.unknown()) } },
  }),
  async (_input, { services }: Tools<Needs>) => Promise.resolve(succeed(ok(services.openApi()))),
);
