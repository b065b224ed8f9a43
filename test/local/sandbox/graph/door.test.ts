/** Who may call Graph, and what every answer of it carries. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";

const list = "/v1.0/deviceManagement/managedDevices";
let sandbox: TestSandbox;
let tenant: TestTenant;

beforeAll(async () => {
  sandbox = await startTestSandbox();
  tenant = await sandbox.tenant();
});
afterAll(() => sandbox.stop());

describe("the door", () => {
  it.for([
    ["no token", {}],
    ["no bearer", { authorization: "Basic abc" }],
    ["a made-up token", { authorization: "Bearer a.b.c" }],
  ] as const)("%s is 401 in Graph's shape", async ([, headers]) => {
    const answer = await fetch(sandbox.graphUrl + list, {
      headers: { "client-request-id": "mine", ...headers },
    });
    const body = (await answer.json()) as {
      error: { code: string; innerError: Record<string, string> };
    };
    expect(answer.status).toBe(401);
    expect(body.error.code).toBe("InvalidAuthenticationToken");
    expect(body.error.innerError["request-id"]).toBe(answer.headers.get("request-id"));
    expect(body.error.innerError["client-request-id"]).toBe("mine");
  });

  it("a token that was changed is refused", async () => {
    const { body } = await sandbox.token(tenant.id);
    const [head, payload = "", signature] = String(body["access_token"]).split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
    const other = Buffer.from(JSON.stringify({ ...claims, roles: ["All"] })).toString("base64url");
    const authorization = `Bearer ${head}.${other}.${signature}`;
    expect((await fetch(sandbox.graphUrl + list, { headers: { authorization } })).status).toBe(401);
  });

  it("a token whose tenant is gone is refused", async () => {
    const gone = await sandbox.tenant();
    await sandbox.control("DELETE", `/tenants/${gone.id}`);
    expect((await gone.graph("GET", list)).status).toBe(401);
  });

  it("a missing role is 403, and Intune's text names the role and the request", async () => {
    const reader = await sandbox.tenant({ roles: ["DeviceManagementManagedDevices.Read.All"] });
    const [device] = await reader.devices(1);
    expect((await reader.graph("GET", `${list}?$top=1`)).status).toBe(200);
    const answer = await reader.graph<{ error: { code: string; message: string } }>(
      "POST",
      `${list}/${device?.id}/syncDevice`,
      undefined,
      { "client-request-id": "5b0e7d2c-0000-4000-8000-000000000000" },
    );
    expect(answer.status).toBe(403);
    const { Message: text } = JSON.parse(answer.body.error.message) as { Message: string };
    expect(text).toContain("DeviceManagementManagedDevices.PrivilegedOperations.All");
    expect(text).toContain("Activity ID: 5b0e7d2c-0000-4000-8000-000000000000");
  });

  it("scripts need the role of scripts", async () => {
    const reader = await sandbox.tenant({ roles: ["DeviceManagementConfiguration.Read.All"] });
    expect((await reader.graph("GET", "/beta/deviceManagement/deviceHealthScripts")).status).toBe(
      403,
    );
  });

  it("every answer names the request", async () => {
    const answer = await tenant.graph("GET", `${list}?$top=1`, undefined, {
      "client-request-id": "mine",
    });
    expect(answer.headers.get("client-request-id")).toBe("mine");
    expect(answer.headers.get("request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers.get("x-ms-ags-diagnostic")).toContain("ServerInfo");
    expect(answer.headers.get("date")).not.toBeNull();
  });

  it("what beta alone has is unknown in v1.0", async () => {
    const answer = await tenant.graph("GET", "/v1.0/deviceManagement/remoteActionAudits");
    expect(answer.status).toBe(400);
  });
});
