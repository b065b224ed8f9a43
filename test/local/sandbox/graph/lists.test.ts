/** Reading devices: pages, filters with the real service's faults, options that are refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestSandbox, type TestSandbox, type TestTenant } from "../support.ts";

type Device = Readonly<Record<string, string>>;
type Page = {
  readonly value: readonly Device[];
  readonly "@odata.nextLink"?: string;
  readonly "@odata.count"?: number;
};

const list = "/v1.0/deviceManagement/managedDevices";
let sandbox: TestSandbox;
let tenant: TestTenant;
let all: readonly Device[];

async function pages(path: string): Promise<readonly Page[]> {
  const found: Page[] = [];
  let next: string | undefined = path;
  while (next !== undefined) {
    const { body }: { body: Page } = await tenant.graph<Page>("GET", next);
    found.push(body);
    next = body["@odata.nextLink"]?.slice(sandbox.graphUrl.length);
  }
  return found;
}

const filtered = async (filter: string): Promise<readonly Device[]> =>
  (await pages(`${list}?$filter=${encodeURIComponent(filter)}`)).flatMap(({ value }) => value);

const count = (name: string, value: string): number =>
  all.filter((device) => device[name] === value).length;

beforeAll(async () => {
  sandbox = await startTestSandbox();
  tenant = await sandbox.tenant({ devices: 2_500 });
  all = (await pages(list)).flatMap(({ value }) => value);
});
afterAll(() => sandbox.stop());

describe("the list", () => {
  it("holds every device that Graph shows exactly once, in pages of at most 1000", async () => {
    const read = await pages(`${list}?$select=id&$count=true`);
    const ids = read.flatMap(({ value }) => value.map(({ id }) => id));
    expect(read.map(({ value }) => value.length)).toEqual([
      1000,
      1000,
      (tenant.created["graph"] as number) - 2000,
    ]);
    expect(new Set(ids).size).toBe(tenant.created["graph"]);
    expect(read.map((page) => page["@odata.count"])).toEqual([
      tenant.created["graph"],
      undefined,
      undefined,
    ]);
  });

  it("shows the counts of the mix and nothing that only ConfigMgr manages", () => {
    const { byOperatingSystem, byManagementAgent, configMgrOnly } = tenant.created as {
      byOperatingSystem: Record<string, number>;
      byManagementAgent: Record<string, number>;
      configMgrOnly: number;
    };
    expect(count("operatingSystem", "iOS")).toBe(byOperatingSystem["iOS"]);
    expect(count("operatingSystem", "Windows")).toBe(
      (byOperatingSystem["Windows"] ?? 0) - configMgrOnly,
    );
    expect(count("managementAgent", "configurationManagerClientMdm")).toBe(
      byManagementAgent["configurationManagerClientMdm"],
    );
    expect(count("managementAgent", "configurationManagerClient")).toBe(0);
    expect(configMgrOnly).toBeGreaterThan(0);
  });

  it("links to its next page absolutely and keeps the options", async () => {
    const { body } = await tenant.graph<Page>("GET", `${list}?$select=id&$top=7`);
    const link = new URL(body["@odata.nextLink"] ?? "");
    expect(link.origin).toBe(sandbox.graphUrl);
    expect(link.searchParams.get("$select")).toBe("id");
    expect(link.searchParams.get("$top")).toBe("7");
    expect(link.searchParams.get("$skiptoken")).not.toContain("7");
  });

  it.for([
    "$top=1001",
    "$top=0",
    "$top=x",
    "$skip=5",
    "$orderby=id",
    "$skiptoken=zzz",
    "$select=nickname",
    "$filter=nickname eq 'a'",
    "$filter=deviceName eq",
    "$filter=(deviceName eq 'a'",
    "$filter=deviceName like 'a'",
  ])("refuses %s", async (query) => {
    expect((await tenant.graph("GET", `${list}?${query}`)).status).toBe(400);
  });

  it("leaves action results out unless they are selected, and empty in lists", async () => {
    const [device] = all;
    await tenant.graph("POST", `${list}/${device?.["id"]}/syncDevice`);
    const plain = await tenant.graph("GET", `${list}/${device?.["id"]}`);
    expect(plain.body).not.toHaveProperty("deviceActionResults");
    const listed = await tenant.graph<Page>("GET", `${list}?$select=id,deviceActionResults&$top=1`);
    expect(listed.body.value).toEqual([{ id: device?.["id"], deviceActionResults: [] }]);
    const one = await tenant.graph("GET", `${list}/${device?.["id"]}?$select=deviceActionResults`);
    expect(one.body["deviceActionResults"]).toHaveLength(1);
  });
});

describe("filters", () => {
  it.for<[string, (device: Device) => boolean]>([
    ["operatingSystem eq 'iOS'", (device) => device["operatingSystem"] === "iOS"],
    ["operatingSystem ne 'Windows'", (device) => device["operatingSystem"] !== "Windows"],
    [
      "startswith(deviceName,'LON-')",
      (device) => device["deviceName"]?.startsWith("LON-") === true,
    ],
    [
      "contains(deviceName, '-w-0001')",
      (device) => device["deviceName"]?.includes("-W-0001") === true,
    ],
    [
      "complianceState eq 'noncompliant' and (operatingSystem eq 'iOS' or operatingSystem eq 'macOS')",
      (device) =>
        device["complianceState"] === "noncompliant" &&
        device["operatingSystem"]?.endsWith("OS") === true,
    ],
    ["not (managementAgent eq 'mdm')", (device) => device["managementAgent"] !== "mdm"],
    ["isEncrypted eq true", (device) => String(device["isEncrypted"]) === "true"],
  ])("%s", async ([filter, matches]) => {
    const expected = all.filter(matches).map(({ id }) => id);
    expect(expected.length).toBeGreaterThan(0);
    expect((await filtered(filter)).map(({ id }) => id)).toEqual(expected);
  });

  it("compare times by their moment", async () => {
    const middle = all.map((device) => device["lastSyncDateTime"] ?? "").toSorted()[1_000] ?? "";
    const found = await filtered(`lastSyncDateTime ge ${middle}`);
    const expected = all.slice(1).filter((device) => (device["lastSyncDateTime"] ?? "") >= middle);
    const [first] = all;
    expect(found.filter(({ id }) => id !== first?.["id"]).map(({ id }) => id)).toEqual(
      expected.map(({ id }) => id),
    );
  });

  it.for(["id", "azureADDeviceId", "serialNumber", "deviceName"])(
    "find one device by its %s",
    async (name) => {
      const device = all[1_234];
      const found = await filtered(`${name} eq '${device?.[name]}'`);
      expect(found.map(({ id }) => id)).toEqual([device?.["id"]]);
    },
  );

  it.for(["userId eq 'nobody'", "deviceEnrollmentType eq 'unknown'"])(
    "%s is ignored, as by the real service",
    async (filter) => {
      expect((await filtered(filter)).length).toBe(all.length);
    },
  );

  it("of two Entra device ids only the first is looked for, as by the real service", async () => {
    const [a, b] = all;
    const found = await filtered(
      `azureADDeviceId eq '${a?.["azureADDeviceId"]}' or azureADDeviceId eq '${b?.["azureADDeviceId"]}'`,
    );
    expect(found.map(({ id }) => id)).toEqual([a?.["id"]]);
  });

  it("count as plain text", async () => {
    const answer = await tenant.graph<string>(
      "GET",
      `${list}/$count?$filter=operatingSystem eq 'iOS'`,
    );
    expect(answer.body).toBe(String(count("operatingSystem", "iOS")));
    expect(answer.headers.get("content-type")).toBe("text/plain");
  });
});
