import { expect, test } from "vitest";
import { signInFailure } from "../../../shared/graph/sign-in-failure.ts";

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

test.each([undefined, null, "text", 5, {}])("%j thrown is trouble that may pass", (thrown) => {
  expect(signInFailure(thrown)).toMatchObject({ kind: "busy" });
});
