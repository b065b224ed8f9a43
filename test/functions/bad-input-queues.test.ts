/** Messages that no handler can use, at every queue of the running app: set aside, and shown to people. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queueNames } from "../../shared/storage/names.ts";
import { type RunningApp, startApp } from "./support/running-app.ts";

let app: RunningApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.stop());

const base64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");

type Entry = {
  readonly deadLetterId: string;
  readonly queue: string;
  readonly reason: string;
  readonly content: string;
  readonly replayable: boolean;
};

/** What the dead letters say about a message with a mark in it. */
async function deadLetters(mark: string): Promise<Entry[]> {
  const { body } = await app.call("GET", "/api/v1/dead-letters?top=1000");
  return (body as { value: Entry[] }).value.filter(({ content }) => content.includes(mark));
}

const ids = { kind: "notification", tenantId: randomUUID(), jobId: "0".repeat(22) };
const cases: readonly (readonly [string, (mark: string) => string, RegExp])[] = [
  ["of an unknown version", (mark) => base64({ v: 2, ...ids, mark }), /version/],
  ["without a version", (mark) => base64({ ...ids, mark }), /version/],
  ["of an unknown shape", (mark) => base64({ v: 1, tenantId: mark }), /shape: .*\/jobId/],
  ["with an unknown property", (mark) => base64({ v: 1, ...ids, mark }), /shape: .*\/mark/],
  ["that is no object", (mark) => base64([mark]), /version or no message/],
  ["that is no JSON", (mark) => base64(`hello ${mark}`), /version or no message/],
];

test.each(cases)(
  "a message %s is set aside with the reason, once",
  async (_name, message, reason) => {
    const mark = randomUUID();
    const queue = queueNames.fanoutPlan;
    await app.putMessage(queue, message(mark));
    await expect
      .poll(() => deadLetters(mark), { timeout: 10_000, interval: 100 })
      .toEqual([expect.objectContaining({ queue, reason: expect.stringMatching(reason) })]);
  },
);

test("a text that the host cannot even decode is found in the poison queue and set aside", async () => {
  const mark = randomUUID();
  const queue = queueNames.fanoutDispatch;
  await app.putMessage(queue, `not base64: ${mark}!`);
  await expect
    .poll(
      async () => {
        await app.runTimer("platform-watch-poison");
        return deadLetters(mark);
      },
      { timeout: 15_000, interval: 200 },
    )
    .toEqual([expect.objectContaining({ queue, reason: expect.stringMatching(/not base64/) })]);
});

test("every queue's poison is watched, and a decodable message is shown decoded", async () => {
  const mark = randomUUID();
  const queues = Object.values(queueNames);
  for (const queue of queues) await app.putMessage(`${queue}-poison`, base64({ v: 1, mark }));
  await app.runTimer("platform-watch-poison");
  await expect
    .poll(async () => (await deadLetters(mark)).map(({ queue }) => queue).toSorted(), {
      timeout: 10_000,
    })
    .toEqual(queues.toSorted());
  const [entry] = await deadLetters(mark);
  expect(JSON.parse(entry?.content ?? "")).toEqual({ v: 1, mark });
});

test("what was set aside is sent again, set aside anew where it fails anew, and discarded", async () => {
  const mark = randomUUID();
  await app.putMessage(queueNames.fanoutPlan, base64({ v: 1, ...ids, mark }));
  const aside = (): Promise<Entry[]> => deadLetters(mark);
  await expect.poll(aside, { timeout: 10_000, interval: 100 }).toHaveLength(1);
  const [first] = await aside();
  expect(first).toMatchObject({ replayable: true });
  const path = `/api/v1/dead-letters/${first?.deadLetterId}`;
  expect(await app.call("POST", `${path}/replay`)).toMatchObject({ status: 200, body: first });
  await expect
    .poll(async () => (await aside()).filter((one) => one.deadLetterId !== first?.deadLetterId), {
      timeout: 10_000,
      interval: 100,
    })
    .toEqual([{ ...first, deadLetterId: expect.any(String), at: expect.any(String) }]);
  const [second, ...others] = await aside();
  expect(others).toEqual([]);
  expect(await app.call("DELETE", `/api/v1/dead-letters/${second?.deadLetterId}`)).toMatchObject({
    status: 204,
  });
  expect(await aside()).toEqual([]);
  const gone = { status: 404, body: { code: "unknown-dead-letter" } };
  expect(await app.call("POST", `${path}/replay`)).toMatchObject(gone);
  expect(await app.call("DELETE", path)).toMatchObject(gone);
});

test.each([
  ["of a version of ours that never was", (mark: string) => base64({ v: 2, mark })],
  [
    "that is too long to be kept whole",
    (mark: string) => base64({ v: 1, mark, long: "x".repeat(3000) }),
  ],
  [
    "whose blanks are not kept as they were",
    (mark: string) => base64({ v: 1, mark, text: "a  b" }),
  ],
])("a message %s is not sent again", async (_name, message) => {
  const mark = randomUUID();
  await app.putMessage(queueNames.fanoutPlan, message(mark));
  const aside = () => deadLetters(mark);
  await expect.poll(aside, { timeout: 10_000, interval: 100 }).toHaveLength(1);
  const [entry] = await aside();
  expect(entry).toMatchObject({ replayable: false });
  expect(
    await app.call("POST", `/api/v1/dead-letters/${entry?.deadLetterId}/replay`),
  ).toMatchObject({ status: 409, body: { code: "not-replayable" } });
  expect(await aside()).toHaveLength(1);
});
