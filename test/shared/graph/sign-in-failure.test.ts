import { expect, test } from "vitest";
import { maxDetailChars } from "../../../shared/fanout/state/item.ts";
import { wordsOf } from "../../../shared/graph/answer.ts";
import { signInAdvice, signInFailure } from "../../../shared/graph/sign-in-failure.ts";

const error = (errorCode?: string, status?: number) =>
  Object.assign(new Error("words"), {
    ...(errorCode === undefined ? {} : { errorCode, errorMessage: "Entra's words" }),
    ...(status === undefined ? {} : { status }),
  });

test.each([
  ["temporarily_unavailable", 200],
  ["server_error", 400],
  ["network_error", undefined],
  ["endpoints_resolution_error", undefined],
  ["invalid_client", 429],
  ["invalid_grant", 503],
  ["unknown", 500],
  ["", undefined],
  ["90033", undefined],
  ["7000215", undefined],
  ["something_new", 400],
  ["invalid_client", 200],
  [undefined, undefined],
])("%j with status %s may pass", (code, status) => {
  expect(signInFailure(error(code, status))).toMatchObject({
    kind: "busy",
    why: expect.stringContaining("sign-in failed: "),
  });
});

test.each([
  ["invalid_client", 401],
  ["unauthorized_client", 400],
  ["invalid_request", 400],
  ["invalid_scope", undefined],
])("%s with status %s needs an administrator", (code, status) => {
  expect(signInFailure(error(code, status))).toEqual({
    kind: "refused",
    reason: "signedOut",
    code,
    message: "sign-in failed: Entra's words",
  });
});

test.each([
  ["90002", /no such tenant/, /check the tenant id/],
  ["700016", /not in this tenant/, /administrator consent/],
  ["65001", /nobody has consented/, /administrator consent/],
  ["7000215", /secret is wrong/, /value, not its id/],
  ["7000222", /secret has expired/, /new one/],
  ["700027", /certificate/, /upload/],
  ["500011", /not in this tenant/, /resource's address/],
  ["50076", /second factor is required/, /complete it/],
  ["50079", /second factor must be registered/, /register it/],
  ["53003", /conditional access/, /policy/],
  ["50034", /user is not in this tenant/, /check the name/],
  ["50057", /account is disabled/, /enable it/],
])(
  "AADSTS%s is told with what happened and what to do, before Entra's own words",
  (number, happened, advice) => {
    const errorMessage = `${number} - [2026-01-01]: AADSTS${number}: Entra's words. Trace ID: ${"x".repeat(600)}`;
    const thrown = Object.assign(new Error("m"), { errorCode: "invalid_client", errorMessage });
    const failure = signInFailure(thrown);
    const { message } = failure as { message: string };
    expect(failure).toMatchObject({ kind: "refused", reason: "signedOut" });
    expect(message).toMatch(/^sign-in failed: AADSTS/);
    expect(message).toMatch(happened);
    expect(message).toMatch(advice);
    expect(message.indexOf("Entra's words")).toBeGreaterThan(message.search(advice));
    expect(message.length).toBeLessThan(430);
  },
);

test("what every known number means fits, with the advice, into what is kept for a device", () => {
  for (const [number, [happened, advice]] of Object.entries(signInAdvice)) {
    const errorMessage = `AADSTS${number}: ${"words ".repeat(200)}`;
    const thrown = { errorCode: "unauthorized_client", errorMessage };
    const kept = wordsOf(signInFailure(thrown) as { code: string; message: string });
    expect(kept.slice(0, maxDetailChars)).toContain(`AADSTS${number}, ${happened}: ${advice}`);
  }
});

test("a number that is not known leaves Entra's words as they are", () => {
  for (const number of ["1", "constructor", "7000215000"]) {
    const errorMessage = `AADSTS${number}: Entra's words`;
    expect(signInFailure({ errorCode: "invalid_client", errorMessage })).toMatchObject({
      message: `sign-in failed: ${errorMessage}`,
    });
  }
});

test.each([undefined, null, "text", 5, {}])("%j thrown is trouble that may pass", (thrown) => {
  expect(signInFailure(thrown)).toMatchObject({ kind: "busy" });
});
