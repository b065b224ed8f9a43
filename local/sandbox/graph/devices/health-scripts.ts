/** The remediation scripts of a tenant and how they went on its devices. Beta only. */
import { fraction } from "../../fleet/chance.ts";
import { chanceOf } from "../../fleet/fleet.ts";
import type { HealthScript, Tenant } from "../../fleet/tenants.ts";
import { scriptRunKey } from "../../state.ts";
import { badRequest, notFound } from "../errors.ts";
import { type GraphCall, type GraphHandler, ok } from "../exchange.ts";
import { entityBody, listBody, pageOf, readOptions } from "../query-options.ts";
import { pick } from "./autopilot.ts";
import { deviceName, graphTime } from "./device-facts.ts";

/** `GET /deviceManagement/deviceHealthScripts`. The scripts' text is left out, as in the real list. */
export const listScripts: GraphHandler = (call) => {
  const options = readOptions(call.query, { list: true });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const page = pageOf(call.tenant.scripts, options);
  const entities = page.items.map((script) =>
    JSON.stringify(pick(scriptRecord(call.tenant, script), options.select)),
  );
  return ok(listBody(call, { context: "deviceManagement/deviceHealthScripts", ...page, entities }));
};

/** `GET /deviceManagement/deviceHealthScripts/{id}`. */
export const getScript: GraphHandler = (call) => {
  const options = readOptions(call.query, { list: false });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const script = scriptOf(call);
  if (script === undefined) return notFound(call, `The script ${call.ids[0] ?? ""}`);
  const entity = JSON.stringify(
    pick(
      {
        ...scriptRecord(call.tenant, script),
        detectionScriptContent: encoded("exit 1"),
        remediationScriptContent: encoded(`Write-Output '${script.displayName}'`),
      },
      options.select,
    ),
  );
  return ok(entityBody(call, "deviceManagement/deviceHealthScripts", entity));
};

/** `GET /deviceManagement/deviceHealthScripts/{id}/deviceRunStates`: devices it was run on by request. */
export const listRunStates: GraphHandler = (call) => {
  const options = readOptions(call.query, {
    list: true,
    expand: ["managedDevice", "managedDevice($select=id)"],
  });
  if ("wrong" in options) return badRequest(call, options.wrong);
  const script = scriptOf(call);
  if (script === undefined) return notFound(call, `The script ${call.ids[0] ?? ""}`);
  const runs =
    call.state.scriptRuns.get(scriptRunKey(call.tenant, script.id)) ?? new Map<number, number>();
  const page = pageOf([...runs.keys()], options);
  const entities = page.items.map((index) => {
    const state = runState(call, script, index);
    const device = {
      id: call.tenant.fleet.ids.at(index),
      deviceName: deviceName(call.tenant, index),
    };
    const shown = pick(state, options.select);
    return JSON.stringify(
      options.expand === undefined ? shown : { ...shown, managedDevice: device },
    );
  });
  const context = `deviceManagement/deviceHealthScripts('${script.id}')/deviceRunStates`;
  return ok(listBody(call, { context, ...page, entities }));
};

function scriptOf(call: GraphCall): HealthScript | undefined {
  const id = call.ids[0]?.toLowerCase();
  return call.tenant.scripts.find((script) => script.id === id);
}

function scriptRecord(tenant: Tenant, script: HealthScript): Record<string, unknown> {
  const madeAt = graphTime(tenant.fleet.createdAt - 90 * 86_400_000);
  return {
    id: script.id,
    publisher: "Sandbox",
    version: "1",
    displayName: script.displayName,
    description: "",
    createdDateTime: madeAt,
    lastModifiedDateTime: madeAt,
    runAsAccount: "system",
    enforceSignatureCheck: false,
    runAs32Bit: false,
    roleScopeTagIds: ["0"],
    isGlobalScript: false,
    highestAvailableVersion: null,
    deviceHealthScriptType: "deviceHealthScript",
    detectionScriptParameters: [],
    remediationScriptParameters: [],
  };
}

function runState(call: GraphCall, script: HealthScript, index: number): Record<string, unknown> {
  const { tenant, now } = call;
  const result = tenant.results
    .of(index, now)
    .find(({ kind }) => kind.action.name === "initiateOnDemandProactiveRemediation");
  const finished = result?.state === "done" || result?.state === "failed";
  const failed = result?.state === "failed";
  const at = graphTime(result?.updatedAt ?? now);
  const items = Math.floor(fraction(tenant.fleet.seed, index, chanceOf.storage) * 100);
  const lines = Array.from({ length: items }, (_, nth) => `item ${nth + 1}: in order`);
  // Intune keeps so much of an output.
  const output = [`checked ${items} items`, ...lines].join("\n").slice(0, 2_048);
  return {
    id: `${script.id}:${tenant.fleet.ids.at(index)}`,
    detectionState: finished ? "success" : "pending",
    lastStateUpdateDateTime: at,
    expectedStateUpdateDateTime: null,
    lastSyncDateTime: graphTime(tenant.results.lastSync(index, now)),
    preRemediationDetectionScriptOutput: finished ? output : null,
    preRemediationDetectionScriptError: null,
    remediationScriptError: failed ? "The remediation script ended with 1." : null,
    postRemediationDetectionScriptOutput: finished && !failed ? output : null,
    postRemediationDetectionScriptError: null,
    remediationState: finished ? (failed ? "remediationFailed" : "success") : "unknown",
    assignmentFilterIds: [],
  };
}

const encoded = (text: string): string => Buffer.from(text).toString("base64");
