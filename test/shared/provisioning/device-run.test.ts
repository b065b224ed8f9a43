import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  beforeNext,
  type DeviceRun,
  deviceRunOf,
  packDeviceRun,
  unpackDeviceRun,
} from "../../../shared/provisioning/device-run.ts";

const text = fc.string({ minLength: 1, maxLength: 20 });
const anyRun = fc.record(
  {
    operatingSystem: fc.string(),
    managementAgent: fc.string(),
    osVersion: fc.string(),
    entraDeviceId: fc.uuid(),
    serialNumber: text,
    warnings: fc.nat(),
    retries: fc.nat(),
    begunAt: fc.integer({ min: 1, max: 4_000_000_000_000 }),
    note: text,
    output: text,
    requestId: text,
    directory: fc.record({ groupTag: fc.string(), model: fc.string() }),
    doubtful: fc.array(fc.nat(99), { minLength: 1 }),
  },
  { requiredKeys: ["operatingSystem", "managementAgent", "osVersion", "warnings", "retries"] },
);

const windows = {
  deviceId: "00000000-0000-4000-8000-000000000001",
  name: "PC-1",
  operatingSystem: "Windows",
  osVersion: "10.0.26100.1",
  managementAgent: "mdm",
  complianceState: "compliant",
  lastSyncDateTime: "",
  entraDeviceId: "00000000-0000-4000-8000-00000000000e",
  serialNumber: "S-1",
  source: "intune",
} as const;

describe("what a device run carries", () => {
  it("comes back as it was packed", () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        expect(unpackDeviceRun(packDeviceRun(run as DeviceRun))).toEqual(run);
      }),
    );
  });

  it("keeps the form that rows hold already", () => {
    const packed =
      '["Windows","mdm","10.0.26100.1","0000000000004000800000000000000e","S-1",1,0,1700000000000]';
    const run = { ...deviceRunOf(windows), warnings: 1, begunAt: 1_700_000_000_000 };
    expect(packDeviceRun(run)).toBe(packed);
    expect(unpackDeviceRun(packed)).toEqual(run);
  });

  it("forgets before the next action what the one before noted for itself", () => {
    const run = { ...deviceRunOf(windows), warnings: 2, retries: 3, begunAt: 5, note: "n" };
    expect(beforeNext({ ...run, output: "o", requestId: "r" })).toEqual({
      ...deviceRunOf(windows),
      warnings: 2,
    });
  });
});
