/**
 * Every operation of the stand-in's Graph, judged by Microsoft's own description of Graph. Skipped,
 * visibly, where no copy of the description lies beside the checkout.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { graphRoutes } from "../../../local/sandbox/graph/routes.ts";
import {
  answerProblems,
  graphDescriptionPresent,
  requestProblems,
} from "../../contracts/graph-description.ts";
import { startTestSandbox, type TestSandbox, type TestTenant } from "./support.ts";

type Version = "v1.0" | "beta";

let sandbox: TestSandbox;
let tenant: TestTenant;
let coManaged: string;
let phone: string;
let script: string;
/** Autopilot identities, and records of imports: one for each request that changes or removes one. */
let identities: string[];
let imports: string[];

/** Sends a request, and says what is wrong with it and with its answer. */
async function judged(version: Version, method: string, path: string, body?: unknown) {
  const answer = await tenant.graph<unknown>(method, `/${version}${path}`, body);
  const read =
    typeof answer.body === "string" && answer.body !== "" ? Number(answer.body) : answer.body;
  const answered = read === "" ? undefined : read;
  return {
    status: answer.status,
    request: requestProblems({ version, method, path, body }),
    answer: answerProblems({ version, method, path, status: answer.status, body: answered }),
  };
}

const fine = (status: number) => ({ status, request: [], answer: [] });

const hardware = { serialNumber: "PF1234567", hardwareIdentifier: "T0E=" };

function idFor(template: readonly string[]): string {
  if (template.includes("deviceHealthScripts")) return script;
  if (template.includes("sendCustomNotificationToCompanyPortal")) return phone;
  if (template.includes("windowsAutopilotDeviceIdentities")) return identities.pop() ?? "";
  if (template.includes("importedWindowsAutopilotDeviceIdentities")) return imports.pop() ?? "";
  return coManaged;
}

/** How each route is called: the path with its ids filled in, and a body where it takes one. */
function example(template: readonly string[]): { readonly path: string; readonly body?: unknown } {
  const path = `/${template.map((part) => (part === "{id}" ? idFor(template) : part)).join("/")}`;
  switch (template.at(-1)) {
    case "windowsDefenderScan":
      return { path, body: { quickScan: true } };
    case "initiateOnDemandProactiveRemediation":
      return { path, body: { scriptPolicyId: script } };
    case "triggerConfigurationManagerAction":
      return { path, body: { configurationManagerAction: { action: "appEvaluation" } } };
    case "updateDeviceProperties":
      return { path, body: { groupTag: "Kiosk", displayName: "Lobby" } };
    case "assignUserToDevice": {
      const user = { userPrincipalName: "ada@contoso.example", addressableUserName: "Ada" };
      return { path, body: user };
    }
    case "setDeviceName":
      return { path, body: { deviceName: "PC-0042" } };
    case "wipe":
      return { path, body: { keepEnrollmentData: true, keepUserData: false } };
    case "cleanWindowsDevice":
      return { path, body: { keepUserData: false } };
    case "sendCustomNotificationToCompanyPortal":
      return { path, body: { notificationTitle: "Hello", notificationBody: "It is time." } };
    case "importDeviceIdentityList": {
      const one = {
        importedDeviceIdentityType: "serialNumber",
        importedDeviceIdentifier: "PF7654321",
      };
      return {
        path,
        body: { overwriteImportedDeviceIdentities: false, importedDeviceIdentities: [one] },
      };
    }
    case "import":
      return { path, body: { importedWindowsAutopilotDeviceIdentities: [hardware] } };
    case "executeAction":
      return { path, body: { actionName: "signatureUpdate", deviceIds: [coManaged] } };
    default:
      return { path };
  }
}

/** Requests that answer with what they made; other changes answer with nothing. */
const answering = new Set(["executeAction", "import", "importDeviceIdentityList"]);

const served = graphRoutes.flatMap((route) =>
  route.versions.map((version) => ({ version, route })),
);

describe.skipIf(!graphDescriptionPresent)("Graph, judged by its description", () => {
  beforeAll(async () => {
    sandbox = await startTestSandbox();
    tenant = await sandbox.tenant({ devices: 400 });
    const devices = await tenant.devices(400);
    coManaged = devices.find(({ management }) => management === "coManaged")?.id ?? "";
    phone = devices.find(({ operatingSystem }) => operatingSystem === "iOS")?.id ?? "";
    const scripts = await tenant.graph<{ value: { id: string }[] }>(
      "GET",
      "/beta/deviceManagement/deviceHealthScripts",
    );
    script = scripts.body.value[0]?.id ?? "";
    await tenant.behave({ actMs: 0, reportMs: 0 });
    const deviceManagement = "/v1.0/deviceManagement";
    type Listed = { value: { id: string }[] };
    const known = await tenant.graph<Listed>(
      "GET",
      `${deviceManagement}/windowsAutopilotDeviceIdentities`,
    );
    identities = known.body.value.map(({ id }) => id);
    const imported = await tenant.graph<Listed>(
      "POST",
      `${deviceManagement}/importedWindowsAutopilotDeviceIdentities/import`,
      { importedWindowsAutopilotDeviceIdentities: [hardware, { ...hardware, serialNumber: "2" }] },
    );
    imports = imported.body.value.map(({ id }) => id);
  });
  afterAll(() => sandbox.stop());

  it.for(served)(
    "$version $route.kind is asked and answered as described",
    async ({ version, route }) => {
      const { path, body } = example(route.template);
      const result = await judged(version, route.method, path, body);
      const isSilent = route.method !== "GET" && !answering.has(route.template.at(-1) ?? "");
      expect(result).toEqual(fine(isSilent ? 204 : 200));
    },
  );

  it.for(["v1.0", "beta"] as const)(
    "%s shows results of every derived type as described",
    async (version) => {
      const device = `/deviceManagement/managedDevices/${coManaged}`;
      const sent = ["refreshMachinePolicy", "wakeUpClient"].map((action) =>
        tenant.graph("POST", `/beta${device}/triggerConfigurationManagerAction`, {
          configurationManagerAction: { action },
        }),
      );
      await Promise.all(sent);
      await tenant.graph("POST", `/v1.0${device}/windowsDefenderScan`, { quickScan: false });
      const path = `${device}?$select=id,deviceActionResults`;
      expect(await judged(version, "GET", path)).toEqual(fine(200));
      const { body } = await tenant.graph<{ deviceActionResults: { actionName: string }[] }>(
        "GET",
        `/${version}${path}`,
      );
      // A row for each of ConfigMgr's actions, under the action's own name.
      const names = body.deviceActionResults.map(({ actionName }) => actionName);
      expect(names).toEqual(
        expect.arrayContaining(["refreshMachinePolicy", "wakeUpClient", "fullScan"]),
      );
    },
  );

  it("lists with options, and its next page, are as described", async () => {
    const path = "/deviceManagement/managedDevices";
    const query = `?$select=id,deviceName&$top=3&$count=true&$filter=operatingSystem eq 'Windows'`;
    expect(await judged("v1.0", "GET", path + query)).toEqual(fine(200));
    const first = await tenant.graph("GET", `/v1.0${path}${query}`);
    const link = String(first.body["@odata.nextLink"]).slice(`${sandbox.graphUrl}/v1.0`.length);
    expect(await judged("v1.0", "GET", link)).toEqual(fine(200));
  });

  it("a batch of reads and actions is as described", async () => {
    const headers = { "Content-Type": "application/json" };
    const requests = [
      {
        id: "1",
        method: "POST",
        url: `/deviceManagement/managedDevices/${coManaged}/syncDevice`,
        headers,
        body: {},
      },
      { id: "2", method: "GET", url: `/deviceManagement/managedDevices/${coManaged}?$select=id` },
    ];
    expect(await judged("v1.0", "POST", "/$batch", { requests })).toEqual(fine(200));
  });

  it("a device is put into a group, listed there, and taken out again as described", async () => {
    const groups = await tenant.graph<{ value: { id: string; groupTypes?: string[] }[] }>(
      "GET",
      "/v1.0/groups?$select=id,groupTypes",
    );
    const assigned = groups.body.value.find(({ groupTypes = [] }) => groupTypes.length === 0);
    const managed = await tenant.graph(
      "GET",
      `/v1.0/deviceManagement/managedDevices/${coManaged}?$select=azureADDeviceId`,
    );
    const object = await tenant.graph(
      "GET",
      `/v1.0/devices(deviceId='${String(managed.body["azureADDeviceId"])}')?$select=id`,
    );
    const objectId = String(object.body["id"]);
    const members = `/groups/${assigned?.id}/members`;
    const link = { "@odata.id": `https://graph.microsoft.com/v1.0/directoryObjects/${objectId}` };
    expect(await judged("v1.0", "POST", `${members}/$ref`, link)).toEqual(fine(204));
    expect((await judged("v1.0", "POST", `${members}/$ref`, link)).status).toBe(400);
    const cast = `/groups/${assigned?.id}/transitiveMembers/microsoft.graph.device`;
    expect(await judged("v1.0", "GET", `${cast}?$select=id,deviceId&$count=true`)).toEqual(
      fine(200),
    );
    const listed = await tenant.graph<{ value: { id: string }[] }>("GET", `/v1.0${cast}`);
    expect(listed.body.value.map(({ id }) => id)).toEqual([objectId]);
    // This copy of the description names the list's reference alone; the other copy has the member's.
    expect((await judged("v1.0", "DELETE", `${members}/${objectId}/$ref`)).status).toBe(204);
    expect((await judged("v1.0", "DELETE", `${members}/${objectId}/$ref`)).status).toBe(404);
  });

  it("errors are as described", async () => {
    const unknown = "/deviceManagement/managedDevices/00000000-0000-4000-8000-000000000000";
    expect(await judged("v1.0", "GET", unknown)).toEqual(fine(404));
    expect(await judged("v1.0", "POST", `${unknown}/syncDevice`)).toEqual(fine(404));
  });
});

describe.skipIf(!graphDescriptionPresent)("the judge itself", () => {
  const device = "/deviceManagement/managedDevices/00000000-0000-4000-8000-000000000000";

  it.for([
    ["an unknown path", { method: "POST", path: `${device}/restart` }],
    ["an action of beta in v1.0", { method: "POST", path: `${device}/initiateDeviceAttestation` }],
    [
      "a wrong type",
      { method: "POST", path: `${device}/windowsDefenderScan`, body: { quickScan: "yes" } },
    ],
    [
      "an unknown member",
      { method: "POST", path: `${device}/windowsDefenderScan`, body: { quick: true } },
    ],
    ["a body nobody takes", { method: "POST", path: `${device}/syncDevice`, body: { now: true } }],
    ["a missing body", { method: "POST", path: `${device}/windowsDefenderScan` }],
    ["an unknown option", { method: "GET", path: `${device}?$pick=id` }],
    ["an unknown property", { method: "GET", path: `${device}?$select=id,nickname` }],
    [
      "a filter by nothing",
      { method: "GET", path: `/deviceManagement/managedDevices?$filter=nickname eq 'a'` },
    ],
    [
      "a batch part without a body",
      batchOf({ id: "1", method: "POST", url: `${device}/syncDevice` }),
    ],
    ["a batch part with a version", batchOf({ id: "1", method: "GET", url: `/v1.0${device}` })],
    ["an empty batch", batchOf()],
  ] as const)("refuses %s", ([, request]) => {
    expect(requestProblems({ version: "v1.0", ...request })).not.toEqual([]);
  });

  it.for([
    ["a member that no device has", { id: "1", nickname: "a" }],
    ["a wrong type", { id: 1 }],
    [
      "a state that does not exist",
      { id: "1", deviceActionResults: [{ actionState: "finished" }] },
    ],
    [
      "a member of another derived type",
      {
        id: "1",
        deviceActionResults: [
          { "@odata.type": "#microsoft.graph.windowsDefenderScanActionResult", unlockPin: "1" },
        ],
      },
    ],
  ] as const)("refuses an answer with %s", ([, body]) => {
    const answer = { version: "v1.0", method: "GET", path: device, status: 200, body } as const;
    expect(answerProblems(answer)).not.toEqual([]);
  });

  it("refuses a bulk action that is not in the list of names", () => {
    const path = "/deviceManagement/managedDevices/executeAction";
    const body = { actionName: "restart", deviceIds: ["1"] };
    expect(requestProblems({ version: "beta", method: "POST", path, body })).not.toEqual([]);
  });
});

function batchOf(...requests: readonly object[]) {
  return { method: "POST", path: "/$batch", body: { requests } };
}
