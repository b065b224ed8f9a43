/** Questions about what somebody may do: to `explain`, and to the operations themselves. */
import type { Answer, AttackApp, Raw } from "./app.ts";
import { bodiesAbout } from "./bodies.ts";
import { pathWith } from "./document.ts";
import type { Ids, Inhabited } from "./inhabited.ts";

/** An operation, and what it is to be about. */
export type Probe = {
  readonly id: string;
  readonly where: Inhabited;
  readonly collectionId?: string;
  readonly action?: string;
};

/** What `explain` says. */
export type Explained = {
  readonly allowed: boolean;
  readonly limitedToCollections?: readonly string[];
  readonly asked: readonly { readonly permission: string }[];
};

const actions = [
  "restart",
  "runScript",
  "endpointProtectionFullScan",
  "startCMPivot",
  "installClient",
];

/** What the work of a body takes: of the first task, and of the template that both tenants have. */
const works: Readonly<Record<string, string>> = {
  "tasks-add": "installClient",
  "tasks-replace": "installClient",
  "tasks-preview": "installClient",
  "provisioning-runs-start": "endpointProtectionQuickScan",
  "provisioning-runs-restart": "endpointProtectionQuickScan",
};

/** Every operation of the document about every tenant, every collection, and with every kind of action. */
export const probesOf = ({ operations }: AttackApp, places: readonly Inhabited[]): Probe[] =>
  operations
    .filter(({ open }) => !open)
    .flatMap(({ id, pathParameters }) =>
      (pathParameters.includes("tenantId") ? places : places.slice(0, 1)).flatMap(
        (where): Probe[] => {
          if (id === "notifications-send")
            return actions.flatMap((action) => [
              { id, where, action },
              { id, where, action, collectionId: where.collections[0] },
            ]);
          const work = works[id];
          if (work !== undefined) return [{ id, where, action: work }];
          // The notification that is repeated, or goes on, is a restart.
          if (id === "notifications-retry" || id === "notifications-resume")
            return [{ id, where, action: "restart" }];
          if (!pathParameters.includes("collectionId")) return [{ id, where }];
          return where.collections.map((collectionId) => ({ id, where, collectionId }));
        },
      ),
    );

/** Asks whether a caller may; for somebody else when an administrator asks. */
export async function explain(
  app: AttackApp,
  { id, where, collectionId, action }: Probe,
  token: string,
  principal: Readonly<Record<string, string>> = {},
): Promise<Explained> {
  // Baselines are published to a list of tenants, and each of them is told by itself what became of it.
  const query = new URLSearchParams({
    operation: id,
    ...(id === "baselines-publish" ? {} : { tenantId: where.tenantId }),
    ...(collectionId === undefined ? {} : { collectionId }),
    ...(action === undefined ? {} : { action }),
    ...principal,
  });
  const { status, text, body } = await app.call({
    path: `/api/v1/access/explain?${query.toString()}`,
    token,
  });
  if (status !== 200) throw new Error(text);
  return body as Explained;
}

/** The request that a probe stands for; `harmless` is for a version that never was, or only for a try. */
export function requestOf(app: AttackApp, probe: Probe, more: Ids, harmless: boolean): Raw {
  const { id, where, collectionId = where.collections[0], action } = probe;
  const operation = app.operations.find((each) => each.id === id);
  if (operation === undefined) throw new Error(`no operation ${id}`);
  const isOfTemplate = id === "templates-schedule";
  const ids = {
    ...where.ids,
    ...more,
    collectionId,
    ...(isOfTemplate ? { templateId: where.templateId } : {}),
  };
  const { method, headerParameters, takesBody } = operation;
  const tries = ["notifications-send", "provisioning-runs-start"];
  const query = tries.includes(id) && harmless ? "?dryRun=true" : "";
  const headers: Raw["headers"] =
    harmless && headerParameters.includes("If-Match") ? [["if-match", '"never"']] : [];
  const path = pathWith(operation, ids) + query;
  if (!takesBody) return { method, path, headers };
  const target =
    probe.collectionId === undefined ? { kind: "tenant" } : { kind: "collection", collectionId };
  const own: Readonly<Record<string, unknown>> = {
    "notifications-send": { action, target },
    "provisioning-runs-start": {
      templateId: where.templateId,
      targets: { deviceIds: where.devices },
    },
    "provisioning-runs-restart": { mode: "whole", include: ["notAttempted"] },
    "templates-schedule": { tenantId: where.tenantId },
  };
  const body = own[id] ?? bodiesAbout[id]?.(ids)[0];
  return { method, path, headers, body };
}

/** Refused by the door; not by a handler because nobody gives what they lack. */
export const isShut = ({ status, body }: Answer): boolean =>
  status === 403 && !String(body["detail"]).startsWith("You cannot give");
