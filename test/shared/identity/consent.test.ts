/** Consent: what is missing, what a tenant has granted, and the callback that is believed in nothing but its state. */
import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { finishBrowserSignIn } from "../../../shared/identity/browser-sign-in.ts";
import {
  beginConsent,
  finishConsent,
  grantedPermissions,
  missingPermissions,
  type ReadsGraph,
} from "../../../shared/identity/consent.ts";
import { type SignInRig, signInRig } from "./sign-in-rig.ts";

describe("a permission is missing", () => {
  it.each([
    ["Policy.Read.All", ["Policy.Read.All"], false],
    ["Policy.Read.All", ["policy.read.all"], false],
    ["Group.Read.All", ["Group.ReadWrite.All"], false],
    ["User.ReadBasic.All", ["User.Read.All"], false],
    ["User.ReadBasic.All", ["User.ReadWrite.All"], false],
    ["Policy.Read.AuthenticationMethod", ["Policy.ReadWrite.AuthenticationMethod"], false],
    ["Group.ReadWrite.All", ["Group.Read.All"], true],
    ["User.Read.All", ["User.ReadBasic.All"], true],
    ["Policy.Read.All", ["Policy.ReadWrite.ConditionalAccess"], true],
    ["Group.Read.All", ["Group.ReadWrite.OwnedBy"], true],
    ["Group.Create", ["Group.ReadWrite.All"], true],
    ["Group.Read.All", [], true],
    ["Group.Read.All", ["Group.Read.All.Extra", "xGroup.Read.All"], true],
  ])("%s with %j granted: %s", (needed, granted, isMissing) => {
    const missing = missingPermissions([{ need: [[needed]], because: "t" }], granted);
    expect(missing.length > 0).toBe(isMissing);
  });

  const names = fc.constantFrom("A.Read.All", "A.ReadWrite.All", "B.Read.All", "B.ReadBasic.All");
  const needs = fc.array(
    fc.record({ need: fc.array(fc.array(names)), because: fc.constantFrom("one", "two") }),
  );
  it("never once everything that is asked for is granted, and never in more ways by granting more", () => {
    fc.assert(
      fc.property(needs, fc.array(names), names, (required, granted, more) => {
        const missing = missingPermissions(required, granted);
        const asked = missing.map(({ anyOf }) => String(anyOf[0]));
        expect(missingPermissions(required, [...granted, ...asked])).toEqual([]);
        expect(missingPermissions(required, [...granted, more]).length).toBeLessThanOrEqual(
          missing.length,
        );
      }),
    );
  });

  it("once, with its alternatives and everything that it is needed for", () => {
    const group = ["Group.Create", "Group.ReadWrite.All"];
    const required = [
      { need: [group, ["Policy.Read.All"]], because: "groups" },
      { need: [group.toReversed()], because: "filters" },
      { need: [group], because: "groups" },
    ];
    expect(missingPermissions(required, ["Policy.Read.All"])).toEqual([
      { anyOf: group, because: ["groups", "filters"] },
    ]);
  });
});

const appId = "11111111-1111-4111-8111-111111111111";
const refused = (reason: string) => ({ kind: "refused", reason, code: reason, message: reason });

const page = (items: readonly object[], at = 0) => ({
  value: items.slice(at, at + 1),
  ...(at + 1 < items.length ? { "@odata.nextLink": `next/${at + 1}` } : {}),
});

/** A Graph that holds an app with what was granted to it, in pages of one. */
function smallGraph(over: Readonly<Record<string, object>> = {}): ReadsGraph {
  const assigned = [
    { resourceId: "graph", appRoleId: "r1" },
    { resourceId: "other", appRoleId: "r2" },
    { resourceId: "graph", appRoleId: "r2" },
    { resourceId: "graph", appRoleId: "unheard-of" },
  ];
  const answers: readonly (readonly [RegExp, object])[] = [
    [/appId='1111/, { id: "app", accountEnabled: true }],
    [
      /appId='00000003/,
      {
        id: "graph",
        appRoles: [
          { id: "r1", value: "A.Read.All" },
          { id: "r2", value: "B.Read.All" },
        ],
      },
    ],
    [/appRoleAssignments/, page(assigned)],
    [/oauth2PermissionGrants/, { value: [{ resourceId: "graph", scope: " C.Read D.Read " }] }],
  ];
  const answer = (path: string) => {
    for (const [part, given] of Object.entries(over)) if (path.includes(part)) return given;
    return { kind: "ok", body: answers.find(([pattern]) => pattern.test(path))?.[1] };
  };
  return {
    ask: async (_tenantId, _version, { path }) => answer(path) as { kind: string },
    follow: async (_tenantId, link) => ({
      kind: "ok",
      body: page(assigned, Number(link.split("/")[1])),
    }),
  };
}
const claims = (payload: object): string =>
  `e.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.s`;
const granted = (
  graph: ReadsGraph,
  token: () => Promise<string> = async () => claims({ roles: ["X"] }),
) => grantedPermissions(graph, token, { tenantId: "t", clientId: appId });

const noToken = () => Promise.reject({ errorCode: "unauthorized_client", errorNo: 700_016 });

describe("what a tenant has granted", () => {
  it("is read with the names that Graph has for its permissions, over all pages", async () => {
    expect(await granted(smallGraph())).toEqual({
      kind: "granted",
      application: ["A.Read.All", "B.Read.All"],
      delegated: ["C.Read", "D.Read"],
    });
  });

  it("is in the app's token where the app may not read it, which then says nothing of people", async () => {
    for (const part of ["appId='1111", "appRoleAssignments"])
      expect(await granted(smallGraph({ [part]: refused("forbidden") }))).toEqual({
        kind: "granted",
        application: ["X"],
        delegated: undefined,
      });
    const noGrants = smallGraph({ oauth2PermissionGrants: refused("forbidden") });
    expect(await granted(noGrants)).toMatchObject({
      application: ["A.Read.All", "B.Read.All"],
      delegated: undefined,
    });
  });

  it("is nothing where the app is not there or disabled", async () => {
    const disabled = { kind: "ok", body: { id: "app", accountEnabled: false } };
    const absent = [refused("notFound"), disabled];
    for (const answer of absent)
      expect((await granted(smallGraph({ "appId='1111": answer }))).kind).toBe("absent");
    const signedOut = smallGraph({ "appId='1111": refused("signedOut") });
    expect((await granted(signedOut, noToken)).kind).toBe("absent");
  });

  it.each(["throttled", "busy", "unclear"])("is unknown while Graph is %s", async (kind) => {
    for (const part of ["appId='1111", "appId='00000003", "appRoleAssignments"])
      expect((await granted(smallGraph({ [part]: { kind, why: "busy" } }))).kind).toBe("unknown");
  });
});

describe("an administrator's browser", () => {
  let rig: SignInRig;
  beforeAll(async () => {
    rig = await signInRig();
  });
  afterAll(() => rig.stop());
  const tenantId = randomUUID();
  const begin = async () => {
    const redirectUri = "http://localhost:7071/api/v1/callbacks/consent";
    const request = { tenantId, clientId: appId, redirectUri, askedBy: "user/one", reference: "r" };
    const { url } = await beginConsent(await rig.freshParts(), request);
    return new URL(url);
  };
  const finish = async (query: Parameters<typeof finishConsent>[1]) =>
    finishConsent(await rig.freshParts(), query);

  it("is sent to the tenant's own page, for everything that the app's registration lists", async () => {
    const url = await begin();
    expect(url.origin + url.pathname).toBe(
      `${rig.sandbox.authorityUrl}/${tenantId}/v2.0/adminconsent`,
    );
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: appId,
      scope: `${rig.sandbox.graphUrl}/.default`,
      redirect_uri: "http://localhost:7071/api/v1/callbacks/consent",
      state: expect.stringMatching(/^[0-9a-f]{32}\./),
    });
  });

  it("that brings a consent back says so once, for the tenant of the state and no other", async () => {
    const state = String((await begin()).searchParams.get("state"));
    const query = { state, admin_consent: "True", tenant: randomUUID() };
    expect(await finish(query)).toEqual({
      end: { kind: "consented" },
      for: { tenantId, askedBy: "user/one", reference: "r", signInId: expect.any(String) },
    });
    expect(await finish(query)).toEqual({ end: expect.objectContaining({ kind: "failed" }) });
  });

  it.each([
    ["access_denied", "AADSTS65004: The resource owner denied.", "declined", "AADSTS65004"],
    ["consent_declined", "", "declined", "consent_declined"],
    ["invalid_client", "AADSTS650051: no.", "failed", "AADSTS650051"],
    ["access_denied", "", "failed", "access_denied"],
  ])(
    "with the error %s %s is %s, though admin_consent stands there too",
    async (error, text, kind, code) => {
      const state = String((await begin()).searchParams.get("state"));
      const query = { state, admin_consent: "True", error, error_description: text };
      expect((await finish(query)).end).toMatchObject({ kind, code });
    },
  );

  it("is not believed late, without a consent, or with the state of something else", async () => {
    const late = String((await begin()).searchParams.get("state"));
    const state = String((await begin()).searchParams.get("state"));
    expect(
      (await finishBrowserSignIn(await rig.freshParts(), { state, code: "c" })).end,
    ).toMatchObject({ code: "unknown-sign-in" });
    expect((await finish({ state })).end).toMatchObject({ kind: "failed", code: "no-consent" });
    rig.pass(15 * 60_000);
    expect((await finish({ state: late, admin_consent: "True" })).end.kind).toBe("failed");
    expect((await finish({ admin_consent: "True" })).end.kind).toBe("failed");
  });
});
