/** Shows the caller to themselves: who they are, and what they hold. */
import { MeView, meView } from "../../shared/access/access-view.ts";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import { onHttp } from "../define.ts";

export const getMeFunction = onHttp(
  operation({
    name: "me-get",
    method: "GET",
    path: "api/v1/me",
    summary: "Show who you are and what you may do",
    tag: "Access",
    answers: { 200: { description: "You", body: MeView } },
  }),
  async (_input, tools) => {
    const { caller, standing } = signedInOf(tools);
    return Promise.resolve(succeed(ok(meView(caller, standing))));
  },
);
