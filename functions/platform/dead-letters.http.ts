/** Lists messages that were set aside, with the reason. */
import * as z from "zod";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import type { DeadLetterStore } from "../../shared/work/dead-letters.ts";
import { onHttp, type Tools } from "../define.ts";

type Needs = { readonly deadLetters: DeadLetterStore };

const DeadLetter = z
  .object({
    deadLetterId: z.string(),
    queue: z.string(),
    reason: z.string(),
    content: z.string().describe("The beginning of what the message said"),
    at: z.iso.datetime(),
  })
  .meta({ id: "DeadLetter" });

export const listDeadLettersFunction = onHttp(
  operation({
    name: "dead-letters-list",
    method: "GET",
    path: "api/v1/dead-letters",
    summary: "List queue messages that were set aside, newest first",
    tag: "Platform",
    query: z.strictObject(PageQuery),
    answers: { 200: { description: "A page of messages", body: pageOf(DeadLetter) } },
  }),
  async ({ query, url }, { services }: Tools<Needs>) => {
    const position = positionOf("dead-letters", query.pageToken);
    if (!position.ok) return position;
    const { entries, ...page } = await services.deadLetters.list(query.top, position.value);
    return succeed(ok(pageBody(url, "dead-letters", { items: entries, ...page })));
  },
);
