/** Judges a request for a notification: action, parameters, target. Every fault is named at once. */
import type { Action } from "../devices/action.ts";
import { catalogue, findAction } from "../devices/catalogue.ts";
import type { CollectionStore } from "../devices/collection-store.ts";
import type { DirectoryMeta, DirectoryStore } from "../devices/directory-store.ts";
import type { Reach } from "../devices/reach.ts";
import { faultsOf, invalidRequest, pointerOf } from "../http/faults.ts";
import { type Fault, fail, type Result, succeed } from "../kernel/failure.ts";
import { type NewNotification, QueryParameters, ScriptParameters } from "./contract.ts";
import { narrowTenant } from "./narrow.ts";
import type { Target } from "./notification.ts";

/** What judging needs. */
export type RequestDeps = {
  readonly directory: DirectoryStore;
  readonly collections: CollectionStore;
};

/** A request that can be carried out. */
export type JudgedRequest = {
  readonly action: Action;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly target: Target;
  /** Ids to keep beside the notification, where the target is a list. */
  readonly deviceIds: readonly string[];
  readonly directory: DirectoryMeta;
};

/** Most faults named for ids of devices. */
const maxNamedIds = 100;

/** Judges action, parameters and target of a request. */
export async function judgeRequest(
  deps: RequestDeps,
  tenantId: string,
  body: NewNotification,
  reach?: Reach,
): Promise<Result<JudgedRequest>> {
  const action = findAction(body.action);
  if (action === undefined) return unknownAction(body.action);
  const parameters = checkParameters(action, body.parameters);
  if (!parameters.ok) return parameters;
  const directory = await deps.directory.meta(tenantId);
  if (directory === undefined || directory.count === 0)
    return fail(
      "directory-empty",
      `No devices of tenant ${tenantId} are known. POST devices/refresh first, then send.`,
    );
  const target = await resolveTarget(deps, tenantId, body.target, reach);
  if (!target.ok) return target;
  return succeed({ action, parameters: parameters.value, directory, ...target.value });
}

function unknownAction(id: string) {
  const known = catalogue.map((action) => action.id).join(", ");
  return fail("unknown-action", `There is no action "${id}". Known: ${known}.`, {
    faults: [{ pointer: "/action", detail: "unknown action" }],
  });
}

function checkParameters(
  action: Action,
  given: Readonly<Record<string, unknown>> | undefined,
): Result<Readonly<Record<string, unknown>>> {
  if (action.parameters === undefined) {
    const faults = Object.keys(given ?? {}).map(
      (name): Fault => ({ pointer: pointerOf(["parameters", name]), detail: "unknown property" }),
    );
    return faults.length === 0 ? succeed({}) : invalidRequest(faults);
  }
  const schema = action.parameters === "script" ? ScriptParameters : QueryParameters;
  const parsed = schema.safeParse(given ?? {});
  if (parsed.success) return succeed(parsed.data);
  return fail(
    "action-needs-parameters",
    `Action ${action.id} takes other parameters. See errors, and GET /api/v1/actions.`,
    { faults: faultsOf(parsed.error, "/parameters") },
  );
}

type ResolvedTarget = Pick<JudgedRequest, "target" | "deviceIds">;

async function resolveTarget(
  { directory, collections }: RequestDeps,
  tenantId: string,
  target: NewNotification["target"],
  reach: Reach | undefined,
): Promise<Result<ResolvedTarget>> {
  if (target.kind === "tenant") {
    if (reach === undefined) return succeed({ target, deviceIds: [] });
    const narrowed = await narrowTenant({ directory }, tenantId, reach);
    if (!narrowed.ok) return narrowed;
    const { within, deviceIds } = narrowed.value;
    return succeed({ target: { ...target, within }, deviceIds });
  }
  if (target.kind === "collection") {
    const { collectionId } = target;
    const stored = await collections.get(tenantId, collectionId);
    if (stored === undefined)
      return fail("unknown-collection", `The tenant has no collection ${collectionId}.`, {
        faults: [{ pointer: "/target/collectionId", detail: "unknown collection" }],
      });
    const { collection } = stored;
    return collection.kind === "rule"
      ? succeed({ target: { ...target, rule: collection.rule }, deviceIds: [] })
      : succeed({ target, deviceIds: collection.deviceIds });
  }
  const { deviceIds } = target;
  const missing = await missingAmong(directory, tenantId, deviceIds, reach);
  if (missing.size > 0) return unknownDevices(deviceIds, missing);
  const count = new Set(deviceIds).size;
  const within = reach && { collectionIds: reach.collectionIds, hidden: 0 };
  return succeed({ target: { kind: "devices", count, ...(within && { within }) }, deviceIds });
}

/** Ids of no device, or of one that the caller does not reach: the two look alike. */
async function missingAmong(
  directory: DirectoryStore,
  tenantId: string,
  deviceIds: readonly string[],
  reach: Reach | undefined,
): Promise<Set<string>> {
  if (reach === undefined) return new Set(await directory.missing(tenantId, deviceIds));
  const known = await directory.getMany(tenantId, deviceIds);
  return new Set(
    deviceIds.filter((id) => {
      const device = known.get(id);
      return device === undefined || !reach.holds(device);
    }),
  );
}

function unknownDevices(deviceIds: readonly string[], missing: ReadonlySet<string>) {
  const faults = deviceIds.flatMap((id, index): Fault[] =>
    missing.has(id)
      ? [{ pointer: `/target/deviceIds/${index}`, detail: `no device ${id} in the directory` }]
      : [],
  );
  return fail(
    "unknown-device",
    `${missing.size} device(s) are not in the tenant's directory; nothing was sent. Refresh it, or leave them out.`,
    { faults: faults.slice(0, maxNamedIds) },
  );
}
