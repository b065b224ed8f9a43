import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { parseHostJson } from "../../../local/host/app/app-files.ts";
import {
  afterFailure,
  decodeMessage,
  mayRun,
  mergeBody,
  outputMessages,
  poisonQueueName,
  textOf,
} from "../../../local/host/queues/message.ts";

test.each([
  ["aGVsbG8=", "base64", "hello"],
  ["aGVs bG8=\n", "base64", "hello"],
  ["w7w=", "base64", "ü"],
  ["", "base64", ""],
  ["hello", "base64", undefined],
  ['{"a":1}', "base64", undefined],
  ["hello", "none", "hello"],
] as const)("%s in %s reads %s", (text, encoding, expected) => {
  expect(decodeMessage(text, encoding)?.toString()).toBe(expected);
});

test.each([
  ["a sequence without its end", "c3c3", undefined],
  ["a lone byte", "ff", undefined],
  ["a surrogate", "eda080", undefined],
  ["an umlaut", "c3bc", "ü"],
  ["a mark of byte order", "efbbbf61", "\uFEFFa"],
  ["nothing", "", ""],
])("bytes that are %s (%s) read %s", (_, hex, expected) => {
  expect(textOf(Buffer.from(hex, "hex"))).toBe(expected);
});

test.each([
  ["half a batch for each processor", {}, 8 * availableParallelism()],
  ["half a batch of its own size, rounded down", { batchSize: 5 }, 2 * availableParallelism()],
  ["what host.json says", { newBatchThreshold: 3 }, 3],
])("a new batch is fetched at %s", (_, queues, expected) => {
  const parsed = parseHostJson(JSON.stringify({ version: "2.0", extensions: { queues } }), {});
  expect(parsed).toMatchObject({
    value: { extensions: { queues: { newBatchThreshold: expected } } },
  });
});

describe("the metadata of a message", () => {
  const metadata = { Id: { string: "message" }, DequeueCount: { int: 1 } };
  test.each([
    ["keeps its own for a body that is no object", "[1]", metadata],
    ["keeps its own for a body that is no JSON", "{oops", metadata],
    [
      "lets a property of the body win, whatever its case",
      '{"ID":"body"}',
      {
        ...metadata,
        Id: { string: "body" },
      },
    ],
    [
      "takes scalars as .NET prints them",
      '{"a":true,"b":1.5}',
      {
        ...metadata,
        a: { string: "True" },
        b: { string: "1.5" },
      },
    ],
    ["leaves arrays and nulls out", '{"a":[1],"b":null}', metadata],
  ])("%s", (_, body, expected) => {
    expect(mergeBody(metadata, body)).toEqual(expected);
  });
});

describe("an output becomes messages", () => {
  const indented = '{\n  "a": 1\n}';
  test.each([
    ["text stays text", { string: "hello" }, ["hello"]],
    ["an array splits", { json: '["x",{"a":1},2,true,null]' }, ["x", indented, "2", "True"]],
    ["an array inside a string splits too", { string: '[{"a":1}]' }, [indented]],
    ["an empty array sends nothing", { json: "[]" }, []],
    ["an object is indented", { json: '{"a":1}' }, [indented]],
    ["an object inside a string is indented too", { string: ' {"a":1}' }, [indented]],
    ["a string that only begins like JSON stays", { string: "[oops" }, ["[oops"]],
    ["numbers are printed", { int: 5 }, ["5"]],
  ])("%s", (_, data, expected) => {
    expect(outputMessages(data)).toEqual(expected);
  });
});

describe("a failed message", () => {
  test.each([
    ["orders", 4, "show"],
    ["orders", 5, "poison"],
    ["orders-poison", 1, "leave"],
    ["orders-poison", 9, "leave"],
    ["q".repeat(57), 1, "leave"],
    ["q".repeat(57), 5, "leave"],
  ])("of %s taken %d times is to %s", (queue, count, expected) => {
    expect(afterFailure(queue, count, 5)).toBe(expected);
  });

  test("runs no more beyond the maximum, except where there is no poison queue", () => {
    expect([mayRun("orders", 5, 5), mayRun("orders", 6, 5)]).toEqual([true, false]);
    expect([mayRun("orders-poison", 6, 5), mayRun("q".repeat(57), 6, 5)]).toEqual([true, true]);
  });

  test("has a poison queue only where the name allows one", () => {
    expect(poisonQueueName("orders")).toBe("orders-poison");
    expect(poisonQueueName("orders-poison")).toBeUndefined();
    expect(poisonQueueName("q".repeat(56))).toHaveLength(63);
    expect(poisonQueueName("q".repeat(57))).toBeUndefined();
  });
});
