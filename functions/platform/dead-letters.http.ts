/** Messages that were set aside, with the reason: shown, sent again, discarded. */
import * as z from "zod";
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { PageQuery, pageBody, pageOf, positionOf } from "../../shared/http/paging.ts";
import { noContent, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import type { Storage } from "../../shared/storage/storage.ts";
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
    replayable: z.boolean().describe("POST .../replay sends it again"),
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

const DeadLetterPath = z.strictObject({
  deadLetterId: z
    .string()
    .regex(/^[0-9a-z]{22}$/, "is not the id of a message")
    .describe("Id of a message that was set aside"),
});

export const replayDeadLetterFunction = onHttp(
  operation({
    name: "dead-letters-replay",
    method: "POST",
    path: "api/v1/dead-letters/{deadLetterId}/replay",
    summary: "Send a message to its queue again; it is set aside anew if it fails anew",
    tag: "Platform",
    params: DeadLetterPath,
    answers: { 200: { description: "Sent; what it was", body: DeadLetter } },
  }),
  async (
    { params: { deadLetterId } },
    tools: Tools<Needs & { readonly storage: Pick<Storage, "queues"> }>,
  ) => {
    const { deadLetters, storage } = tools.services;
    const replayed = await deadLetters.replay(deadLetterId, storage.queues);
    if (!replayed.ok) return replayed;
    const { queue } = replayed.value;
    signedInOf(tools).note({ object: `dead-letter/${deadLetterId}`, after: { queue } });
    tools.log("message.replay", { deadLetterId, queue });
    return succeed(ok(replayed.value));
  },
);

export const discardDeadLetterFunction = onHttp(
  operation({
    name: "dead-letters-discard",
    method: "DELETE",
    path: "api/v1/dead-letters/{deadLetterId}",
    summary: "Discard a message that was set aside",
    tag: "Platform",
    params: DeadLetterPath,
    answers: { 204: { description: "Discarded" } },
  }),
  async ({ params: { deadLetterId } }, tools: Tools<Needs>) => {
    const discarded = await tools.services.deadLetters.discard(deadLetterId);
    if (!discarded.ok) return discarded;
    const { queue, reason } = discarded.value;
    const object = `dead-letter/${deadLetterId}`;
    signedInOf(tools).note({ object, before: { queue, reason }, after: null });
    return succeed(noContent());
  },
);
