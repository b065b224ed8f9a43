import { expect, test } from "vitest";
import { positionFrom, positionText } from "../../../shared/notifications/list-deliveries.ts";

test.each([
  {},
  { from: "0000002a-0000-4000-8000-000000000000" },
  { token: "eyJuZXh0Ijoi|A==" },
  { from: "0000002a-0000-4000-8000-000000000000", token: "eyJuZXh0Ijoi|A==" },
])("the position %j survives the way through a client", (position) => {
  expect(positionFrom(positionText(position))).toEqual(position);
});

test("no position is the beginning", () => {
  expect(positionFrom(undefined)).toEqual({});
});
