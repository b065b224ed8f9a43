/**
 * Devices that a tenant has registered, as Intune lists them now: page by page, found by serial number, and changed one
 * by one. Nothing of it is kept.
 */
import * as z from "zod";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import { type GraphClient, type GraphRequest, maxBatchParts } from "../../graph/client.ts";
import type { Page } from "../../http/paging.ts";
import { fail, type Result, succeed } from "../../kernel/failure.ts";
import type { AutopilotDeviceView, ChangedDevice, DeviceChange } from "../contract.ts";
import {
  type AtPartnerCenter,
  type PartnerDevices,
  sourceOf,
} from "../partner/registered-there.ts";

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");

const Listed = z.object({
  id: z.string(),
  serialNumber: text,
  groupTag: text,
  userPrincipalName: text,
  displayName: text,
  manufacturer: text,
  model: text,
  enrollmentState: text,
  deploymentProfileAssignmentStatus: text,
  managedDeviceId: text,
});
const ListedPage = z.object({
  value: z.array(Listed),
  "@odata.nextLink": z.string().optional(),
});

const identities = "/deviceManagement/windowsAutopilotDeviceIdentities";
/** Intune's largest page. */
const maxPage = 999;
/** Far more than any tenant has. */
const maxPages = 2_000;

/** Time between looks at a device that was changed: who asked waits meanwhile. */
const readBackAfterMs = [0, 1_000, 2_000] as const;

type Parts = {
  readonly graph: GraphClient;
  readonly wait: (ms: number) => Promise<void>;
  readonly partnerDevices: Pick<PartnerDevices, "of">;
};

/** Reads and changes what is registered. */
export class Inventory {
  readonly #parts: Parts;
  readonly #graph: GraphClient;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#graph = parts.graph;
  }

  /** A page of devices; `next` is Graph's own link. Only its beta says how profiles are assigned. */
  async list(
    tenantId: string,
    { top, next }: { readonly top: number; readonly next?: string | undefined },
  ): Promise<Result<Page<AutopilotDeviceView>>> {
    const path = `${identities}?$top=${Math.min(top, maxPage)}`;
    const answer =
      next === undefined
        ? await this.#graph.ask(tenantId, "beta", { method: "GET", path })
        : await this.#graph.follow(tenantId, next);
    if (answer.kind !== "ok") return failureOf(answer);
    const page = ListedPage.safeParse(answer.body);
    if (!page.success) return fail("graph-unavailable", "The answer is not Graph's list.");
    const { value, "@odata.nextLink": more } = page.data;
    const items = await this.#viewsOf(tenantId, value);
    return succeed(more === undefined ? { items } : { items, next: more });
  }

  /** The devices with a serial number. Filters of this list are refused at times: then all of it is looked through. */
  async find(tenantId: string, serialNumber: string): Promise<Result<AutopilotDeviceView[]>> {
    const quoted = encodeURIComponent(
      `contains(serialNumber,'${serialNumber.replaceAll("'", "''")}')`,
    );
    const path = `${identities}?$filter=${quoted}`;
    const answer = await this.#graph.ask(tenantId, "beta", { method: "GET", path });
    const page = ListedPage.safeParse(answer.kind === "ok" ? answer.body : undefined);
    if (page.success && page.data["@odata.nextLink"] === undefined)
      return succeed(
        (await this.#viewsOf(tenantId, page.data.value)).filter(isNumbered(serialNumber)),
      );
    const found: AutopilotDeviceView[] = [];
    const links = new Set<string>();
    let next: string | undefined;
    do {
      const read = await this.list(tenantId, { top: maxPage, next });
      if (!read.ok) return read;
      found.push(...read.value.items.filter(isNumbered(serialNumber)));
      next = read.value.next;
      if (next !== undefined && (links.has(next) || links.size === maxPages))
        return fail("graph-unavailable", "The links of Graph's list lead in a circle.");
      links.add(next ?? "");
    } while (next !== undefined);
    return succeed(found);
  }

  /** The views of some devices, with who registered each. */
  async #viewsOf(
    tenantId: string,
    listed: readonly z.output<typeof Listed>[],
  ): Promise<AutopilotDeviceView[]> {
    const known = listed.length === 0 ? undefined : await this.#parts.partnerDevices.of(tenantId);
    return listed.map((each) => viewOf(each, known));
  }

  /** What Intune shows of a change by now; it is looked for a few times. */
  async #seen(tenantId: string, deviceId: string, change: DeviceChange): Promise<ChangedDevice> {
    const path = `${identities}/${encodeURIComponent(deviceId)}`;
    let seen: ChangedDevice = { pending: pendingOf(change, undefined) };
    for (const ms of readBackAfterMs) {
      if (ms > 0) await this.#parts.wait(ms);
      const answer = await this.#graph.ask(tenantId, "beta", { method: "GET", path });
      const device = Listed.safeParse(answer.kind === "ok" ? answer.body : undefined).data;
      if (device === undefined) continue;
      const [view] = await this.#viewsOf(tenantId, [device]);
      seen = { pending: pendingOf(change, device), ...(view && { device: view }) };
      if (seen.pending.length === 0) break;
    }
    return seen;
  }

  /** Changes a device: its group tag and its name together, its user by himself; and looks whether it is so. */
  async change(
    tenantId: string,
    deviceId: string,
    change: DeviceChange,
  ): Promise<Result<ChangedDevice>> {
    const { groupTag, displayName, assignedUser } = change;
    const device = `${identities}/${encodeURIComponent(deviceId)}`;
    const post = (action: string, body: object): GraphRequest => ({
      method: "POST",
      path: `${device}/${action}`,
      body,
    });
    const properties = {
      ...(groupTag === undefined ? {} : { groupTag }),
      ...(displayName === undefined ? {} : { displayName }),
    };
    const requests = [
      ...(Object.keys(properties).length > 0 ? [post("updateDeviceProperties", properties)] : []),
      ...(assignedUser === null ? [post("unassignUserFromDevice", {})] : []),
      ...(typeof assignedUser === "string"
        ? [post("assignUserToDevice", { userPrincipalName: assignedUser })]
        : []),
    ].slice(0, maxBatchParts);
    for (const request of requests) {
      const answer = await this.#graph.ask(tenantId, "v1.0", request);
      if (answer.kind !== "ok") return failureOf(answer);
    }
    return succeed(await this.#seen(tenantId, deviceId, change));
  }
}

/** What of a change a device does not show. Pure. */
function pendingOf(
  { groupTag, displayName, assignedUser }: DeviceChange,
  device: z.output<typeof Listed> | undefined,
): ChangedDevice["pending"] {
  const user = assignedUser === undefined ? undefined : (assignedUser ?? "").toLowerCase();
  const wanted = [
    ["groupTag", groupTag, device?.groupTag],
    ["displayName", displayName, device?.displayName],
    ["assignedUser", user, device?.userPrincipalName.toLowerCase()],
  ] as const;
  return wanted.flatMap(([name, is, shown]) => (is === undefined || is === shown ? [] : [name]));
}

const isNumbered =
  (serial: string) =>
  ({ serialNumber }: AutopilotDeviceView): boolean =>
    serialNumber.toLowerCase() === serial.toLowerCase();

const nobody = "00000000-0000-0000-0000-000000000000";

const viewOf = (
  listed: z.output<typeof Listed>,
  atPartnerCenter: AtPartnerCenter | undefined,
): AutopilotDeviceView => {
  const { id, deploymentProfileAssignmentStatus, managedDeviceId, ...shown } = listed;
  return {
    autopilotDeviceId: id,
    ...shown,
    profileStatus: deploymentProfileAssignmentStatus,
    isManaged: managedDeviceId !== "" && managedDeviceId !== nobody,
    source: sourceOf(listed.serialNumber, atPartnerCenter),
  };
};

function failureOf(answer: Exclude<GraphAnswer, { readonly kind: "ok" }>): Result<never> {
  if (answer.kind === "refused" && answer.reason === "notFound")
    return fail("unknown-device", "The tenant has no such Autopilot device.");
  if (answer.kind === "refused") return fail("graph-refused", wordsOf(answer));
  const wait =
    "retryAfterMs" in answer && answer.retryAfterMs !== undefined
      ? { retryAfterSeconds: answer.retryAfterMs / 1000 }
      : {};
  return fail("graph-unavailable", answer.why, wait);
}
