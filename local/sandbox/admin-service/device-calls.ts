/** Scripts and CMPivot on one client, and what the client answered. */
import { list, refused, type SiteCall, type SiteHandler } from "./exchange.ts";
import { fits, type Row, readQuery } from "./odata.ts";
import { start } from "./operations.ts";
import { clientIndex, type Operation, siteOf } from "./site.ts";

const scriptType = 135;
const pivotType = 145;
const approved = 3;

/** `RunScript`: takes exactly one property. */
export const runScript: SiteHandler = (call) => {
  const guid = onlyText(call.body, "ScriptGuid");
  if (guid === undefined) return refused(400, "The body takes ScriptGuid and nothing else.");
  const targets = targetOf(call);
  if (targets === undefined) return refused(404, "Not found.");
  const script = siteOf(call.tenant).scripts.find((each) => each.guid === guid.toLowerCase());
  if (script === undefined) return refused(404, "There is no such script.");
  if (script.approval !== approved) return refused(403, "The script is not approved.");
  const effect = ["siteScript", script.guid] as const;
  const { id } = start(call, { type: scriptType, collectionId: "", targets, effect });
  return { status: 201, body: { value: id } };
};

/** `Script`: what can be run. */
export const listScripts: SiteHandler = ({ tenant }) =>
  list(
    siteOf(tenant).scripts.map(({ guid, name, approval }) => ({
      ScriptGuid: guid,
      ScriptName: name,
      ApprovalState: approval,
    })),
  );

/** `RunCMPivot`. */
export const runPivot: SiteHandler = (call) => {
  const query = onlyText(call.body, "InputQuery");
  if (query === undefined) return refused(400, "The body takes InputQuery and nothing else.");
  const targets = targetOf(call);
  if (targets === undefined) return refused(404, "Not found.");
  const effect = ["sitePivot", query] as const;
  const { id } = start(call, { type: pivotType, collectionId: "", targets, effect });
  return { status: 200, body: { value: { OperationId: id } } };
};

/** `SMS_ScriptsExecutionStatus`: a row for each client that has reported. */
export const listScriptStatus: SiteHandler = ({ tenant, query, now }) => {
  const asked = readQuery(query, ["ClientOperationId", "ResourceId", "ScriptExitCode"]);
  if (typeof asked === "string") return refused(400, asked);
  const wanted = asked.conditions.find(({ name }) => name === "ClientOperationId")?.value;
  const operation = siteOf(tenant).operations.get(wanted ?? 0);
  if (operation?.type !== scriptType) return list([]);
  const rows = operation.targets.flatMap((resourceId, at): Row[] => {
    const ended = endingOf(operation, at, now);
    if (ended === undefined) return [];
    const ok = ended === "done";
    return [
      {
        ClientOperationId: operation.id,
        ResourceId: resourceId,
        ScriptExecutionState: ok ? 0 : 1,
        ScriptExitCode: ok ? 0 : 1603,
        ScriptOutput: ok ? '"done"' : '"broken"',
      },
    ];
  });
  return list(rows.filter((row) => fits(asked, row)));
};

/** `CMPivotResult(OperationId=N)`: 404 until the client has answered. */
export const showPivotResult: SiteHandler = (call) => {
  const [, id] = call.ids;
  const operation = siteOf(call.tenant).operations.get(Number(id));
  const [target] = targetOf(call) ?? [];
  const at = operation?.targets.indexOf(target ?? 0) ?? -1;
  if (operation?.type !== pivotType || at < 0) return refused(404, "Not found.");
  const ended = endingOf(operation, at, call.now);
  if (ended === undefined) return refused(404, "No result yet.");
  if (ended !== "done") return { status: 200, body: { value: { Error: "The query failed." } } };
  return { status: 200, body: { value: { Result: [{ Device: target }] } } };
};

function targetOf({ tenant, ids: [id], now }: SiteCall): number[] | undefined {
  const resourceId = Number(id);
  return clientIndex(tenant, resourceId, now) === undefined ? undefined : [resourceId];
}

function endingOf({ timelines }: Operation, at: number, now: number): string | undefined {
  const timeline = timelines[at];
  if (timeline === undefined || timeline.ending === "silent") return undefined;
  return now < timeline.at + timeline.actMs + timeline.reportMs ? undefined : timeline.ending;
}

function onlyText(body: unknown, name: string): string | undefined {
  if (typeof body !== "object" || body === null || Object.keys(body).length !== 1) return undefined;
  const value = (body as Record<string, unknown>)[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
