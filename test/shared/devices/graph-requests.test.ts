/**
 * Every request that the app can send to Graph, taken off the wire and judged by Microsoft's own
 * description. Skipped, visibly, where no copy of the description lies beside the checkout.
 */

import { createServer, request as forward, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../../../shared/devices/actions/catalogue.ts";
import { readBackDevices } from "../../../shared/devices/actions/read-back.ts";
import { type SendCall, send } from "../../../shared/devices/actions/send.ts";
import { refreshesWith } from "../../../shared/devices/refresh/work.ts";
import { GraphClient } from "../../../shared/graph/client.ts";
import { systemClock } from "../../../shared/kernel/clock.ts";
import { newestFirstId } from "../../../shared/kernel/values.ts";
import { passThrough } from "../../../shared/storage/calls.ts";
import { graphDescriptionPresent, requestProblems } from "../../contracts/graph-description.ts";
import { type NotifyRig, startNotifyRig } from "../../support/notify-rig.ts";

type Recorded = {
  readonly version: "v1.0" | "beta";
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
};

let rig: NotifyRig;
let tenantId: string;
let wire: Server;
let graph: GraphClient;
let recorded: Recorded[] = [];

/** Passes everything on to the sandbox, and writes down what was asked. */
function startWire(to: string): Server {
  return createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const [, version, path = ""] = /^\/(v1\.0|beta)(\/.*)$/.exec(incoming.url ?? "") ?? [];
      recorded.push({
        version: version as Recorded["version"],
        method: incoming.method ?? "",
        path,
        ...(text === "" ? {} : { body: JSON.parse(text) as unknown }),
      });
      const { method = "GET", headers } = incoming;
      const onward = forward(to + (incoming.url ?? ""), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      onward.end(text);
    });
  });
}

const problemsOf = (requests: readonly Recorded[]) =>
  requests.flatMap((each) =>
    requestProblems(each).map(
      (problem) => `${each.method} ${each.version}${each.path}: ${problem}`,
    ),
  );

const routes = catalogue.flatMap(({ id, routes: ways }) =>
  ways.filter(({ call }) => call !== undefined).map((route) => ({ id, way: route.id, route })),
);

describe.skipIf(!graphDescriptionPresent)("requests, judged by Graph's description", () => {
  beforeAll(async () => {
    rig = await startNotifyRig();
    tenantId = await rig.tenant({ devices: 2_300 });
    wire = startWire(rig.sandbox.graphUrl);
    await new Promise<void>((resolve) => {
      wire.listen(0, "127.0.0.1", resolve);
    });
    const { body } = await rig.sandbox.token(tenantId);
    graph = new GraphClient({
      baseUrl: `http://127.0.0.1:${(wire.address() as AddressInfo).port}`,
      token: () => Promise.resolve(String(body["access_token"])),
      clock: systemClock,
      intercept: passThrough,
      timeoutMs: 5_000,
    });
  });
  afterAll(async () => {
    wire.close();
    wire.closeAllConnections();
    await rig.stop();
  });

  it.each(routes)("$id by $way: in bulk, as a batch, alone, and read back", async ({ route }) => {
    const { devices } = await rig.services.directory.walk(tenantId, undefined, 100);
    const ids = devices.map(({ deviceId }) => deviceId).slice(0, 3);
    const scripts = await graph.ask(tenantId, "beta", {
      method: "GET",
      path: "/deviceManagement/deviceHealthScripts",
    });
    const [script] = (scripts as { body: { value: { id: string }[] } }).body.value;
    const parameters = { remediationScriptId: script?.id };
    recorded = [];
    const calls: SendCall[] = [
      { route, form: "batch", deviceIds: ids },
      { route, form: "batch", deviceIds: ids.slice(0, 1) },
      ...(route.bulkAction ? [{ route, form: "bulk", deviceIds: ids } as const] : []),
    ];
    for (const call of calls) {
      const outcomes = await send(graph, tenantId, call, () => ({ parameters }));
      expect([...outcomes.keys()]).toEqual(call.deviceIds);
    }
    const suspects = ids.map((deviceId) => ({ deviceId, route }));
    const looks = await readBackDevices(graph, tenantId, suspects);
    expect([...looks.values()].map(({ kind }) => kind)).toEqual(["seen", "seen", "seen"]);
    expect(recorded).toHaveLength(calls.length + 1);
    expect(problemsOf(recorded)).toEqual([]);
  });

  it("of a refresh: lists, and the links to their further pages", async () => {
    recorded = [];
    const deps = { ...rig.services.refreshes.parts, graph };
    const refreshId = newestFirstId(Date.now());
    await refreshesWith(deps).start(tenantId, refreshId);
    const slice = () => refreshesWith(deps).work({ tenantId, refreshId });
    // A slow machine needs several slices; each leaves a message for the next.
    while ((await slice()).kind === "again") expect(recorded.length).toBeLessThan(100);
    rig.queues.lose();
    const stored = await deps.refreshes.get(tenantId, refreshId);
    expect(stored?.refresh.state).toBe("completed");
    expect(recorded.some(({ path }) => path.includes("skiptoken"))).toBe(true);
    expect(problemsOf(recorded)).toEqual([]);
  });

  it("and a wrong one would be found", () => {
    const path = "/deviceManagement/managedDevices?$select=id,deviceActionResult";
    expect(problemsOf([{ version: "v1.0", method: "GET", path }])).not.toEqual([]);
    const wrong = {
      version: "v1.0",
      method: "POST",
      path: "/deviceManagement/managedDevices/executeAction",
    } as const;
    expect(
      problemsOf([{ ...wrong, body: { actionName: "rebootNow", deviceIds: [] } }]),
    ).not.toEqual([]);
  });
});
