/** Who has to do something when there is no token for a person: the table of what the sign-in service says. */
import * as fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { refusalIn, refusalInAddress, refusalOf } from "../../../shared/identity/refusal.ts";

const answer = (error: string, codes: readonly number[] = [], suberror?: string, status = 400) => ({
  status,
  headers: {},
  body: {
    error,
    error_codes: codes,
    error_description: `AADSTS${codes[0]}: words`,
    ...(suberror === undefined ? {} : { suberror }),
  },
});

test.each([
  // A refresh token that has aged, or a session that is over.
  ["signInAgain", "invalid_grant", [700_082], undefined],
  ["signInAgain", "invalid_grant", [70_008], undefined],
  ["signInAgain", "invalid_grant", [70_043], "token_expired"],
  ["signInAgain", "invalid_grant", [50_173], "bad_token"],
  ["signInAgain", "invalid_grant", [50_132], undefined],
  ["signInAgain", "invalid_grant", [70_000], undefined],
  ["signInAgain", "invalid_grant", [], undefined],
  ["signInAgain", "invalid_grant", [999_999], "something_new"],
  ["signInAgain", "interaction_required", [50_079], undefined],
  ["signInAgain", "login_required", [50_058], undefined],
  // Another proof.
  ["signInAgain", "invalid_grant", [50_076], "basic_action"],
  ["signInAgain", "invalid_grant", [50_158], "additional_action"],
  // Consent.
  ["consent", "invalid_grant", [65_001], "consent_required"],
  ["consent", "invalid_grant", [], "consent_required"],
  ["consent", "interaction_required", [65_001], undefined],
  ["consent", "invalid_client", [650_057], undefined],
  // A policy.
  ["blocked", "invalid_grant", [53_003], "message_only"],
  ["blocked", "access_denied", [], undefined],
  ["blocked", "invalid_grant", [], "message_only"],
  ["blocked", "interaction_required", [53_000], undefined],
  ["blocked", "invalid_grant", [530_034], undefined],
  ["blocked", "invalid_grant", [50_105], undefined],
  // The account.
  ["account", "invalid_grant", [50_057], undefined],
  ["account", "invalid_grant", [50_053], undefined],
  // The app.
  ["app", "invalid_client", [7_000_218], undefined],
  ["app", "unauthorized_client", [700_016], undefined],
  ["app", "invalid_scope", [70_011], undefined],
  ["app", "invalid_request", [900_144], undefined],
  // What passes.
  ["passing", "temporarily_unavailable", [90_033], undefined],
  ["passing", "server_error", [], undefined],
  ["passing", "invalid_grant", [50_196], undefined],
  ["passing", "something_new", [], undefined],
] as const)("%s: %s with %j and %s", (kind, error, codes, suberror) => {
  expect(refusalIn(answer(error, codes, suberror))).toMatchObject({ kind, error, codes });
});

describe("whatever is said with it", () => {
  it.each([429, 500, 502, 503, 504])("status %i passes", (status) => {
    expect(refusalIn(answer("invalid_grant", [53_003], undefined, status))?.kind).toBe("passing");
  });

  it("somebody else's answer passes, and has no tokens", () => {
    for (const body of [undefined, null, "", "<html>", [], {}, { error: 1 }, { access_token: "" }])
      for (const status of [200, 302, 400, 401])
        expect(refusalIn({ status, headers: {}, body })?.kind, JSON.stringify(body)).toBe(
          body !== null && typeof body === "object" && "access_token" in body && status === 200
            ? undefined
            : "passing",
        );
  });
});

it("a wait is the service's, and a loop's is at least five minutes", () => {
  const busy = { ...answer("temporarily_unavailable"), headers: { "retry-after": "7" } };
  expect(refusalIn(busy)?.retryAfterSeconds).toBe(7);
  expect(refusalIn(answer("invalid_grant", [50_196]))?.retryAfterSeconds).toBe(300);
  expect(refusalIn(answer("slow_down", [50_196]))).not.toHaveProperty("retryAfterSeconds");
});

it("what the library makes up is judged by its own names", () => {
  expect(refusalOf({ errorCode: "no_tokens_found", errorMessage: "x" }).kind).toBe("signInAgain");
  expect(refusalOf({ errorCode: "network_error", errorMessage: "x" }).kind).toBe("passing");
  expect(refusalOf(new Error("socket hang up"))).toMatchObject({
    kind: "passing",
    words: "socket hang up",
  });
});

it("an error in an address is read as far as it goes, and never throws", () => {
  expect(refusalInAddress("access_denied", "AADSTS65004: The user declined")).toMatchObject({
    codes: [65_004],
    kind: "consent",
  });
  fc.assert(
    fc.property(fc.string(), fc.string(), (error, description) => {
      const refusal = refusalInAddress(error, description);
      return refusal.words.length <= 400 && refusal.error.length <= 60;
    }),
  );
});
