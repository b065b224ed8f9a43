/** A tenant with a site, in some Muster and some sandbox, and what tests do to it. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { QueueClient } from "@azure/storage-queue";
import type { ClaimRequest } from "../../../relay/base/claim.ts";
import { queueName } from "../../../relay/muster/site-queue.ts";
import type { TestSandbox } from "../../local/sandbox/support.ts";
import type { MusterServer } from "./muster-server.ts";
import { type RelayCommand, type RelayProcess, startRelayProcess } from "./relay-process.ts";

type Counts = Readonly<Record<string, number>>;
export type Status = { readonly state: string; readonly final: boolean; readonly counts: Counts };

/** A tenant's site with what tests do to it. */
export type Site = {
  readonly tenantId: string;
  readonly behave: (settings: Record<string, unknown>) => Promise<unknown>;
  /** Starts a relay; one folder for all of the site's relays. */
  readonly relay: (settings?: Record<string, string>, command?: RelayCommand) => RelayProcess;
  /** Starts a relay and waits until its inventory is in the directory. */
  readonly known: (
    settings?: Record<string, string>,
    command?: RelayCommand,
  ) => Promise<RelayProcess>;
  readonly home: string;
  /** What its relays are started with. */
  readonly settings: Readonly<Record<string, string>>;
  readonly devices: () => Promise<readonly Listed[]>;
  readonly send: (body: Record<string, unknown>) => Promise<string>;
  readonly status: (notificationId: string) => Promise<Status>;
  /** Waits until the notification has ended. */
  readonly ended: (notificationId: string) => Promise<Status>;
  readonly deliveries: (notificationId: string) => Promise<readonly Delivered[]>;
  readonly ledger: (action: string) => Promise<{ total: number; doubled: number }>;
  /** What the sandbox alone knows of its devices under the behaviour of now. */
  readonly traits: (action: string) => Promise<readonly { failing: boolean; offline: boolean }[]>;
  readonly approvedScript: () => Promise<string>;
  /** The site's queue, as the relay sees it. */
  readonly queue: QueueClient;
  /** What the first message of the site's queue says; it stays there. */
  readonly claimRequest: () => Promise<ClaimRequest>;
  /** Asks Muster as the relay does; the caller says what shape the answer has. */
  // oxlint-disable-next-line no-unnecessary-type-parameters
  readonly ask: <Body>(path: string, body: unknown) => Promise<{ status: number; body: Body }>;
  /** Asks AdminService as the relay does; the caller says what shape the answer has. */
  // oxlint-disable-next-line no-unnecessary-type-parameters
  readonly adminService: <Body>(method: string, path: string, body?: unknown) => Promise<Body>;
};

export type Listed = {
  readonly deviceId: string;
  readonly managementAgent: string;
  readonly source: string;
  readonly configMgrResourceId?: number;
  readonly siteCode?: string;
};
export type Delivered = {
  readonly deviceId: string;
  readonly state: string;
  readonly route?: string;
  readonly code?: string;
  readonly detail?: string;
};

/** Where sites are made. */
export type World = {
  readonly sandboxUrl: string;
  readonly control: TestSandbox["control"];
  readonly muster: Pick<MusterServer, "url" | "call">;
  /** What opens Muster's API. */
  readonly token: string;
  readonly storage: string;
  /** Every relay that was started, for whoever cleans up. */
  readonly relays: RelayProcess[];
};

/** Calls a site's AdminService with some credentials. */
function adminServiceOf({ sandboxUrl }: World, tenantId: string): Site["adminService"] {
  return async (method, path, body) => {
    const asked = await fetch(`${sandboxUrl}/sites/${tenantId}/P01/AdminService${path}`, {
      method,
      headers: { authorization: "Basic x", "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return JSON.parse(await asked.text());
  };
}

const noMessages = { peekedMessageItems: [] };

/** Makes a tenant whose devices only ConfigMgr knows, unless the plan says otherwise; `home` is for its relays. */
export async function makeSite(
  world: World,
  home: string,
  plan: Record<string, unknown> = {},
): Promise<Site> {
  const { control, muster, relays, storage } = world;
  const tenantId = randomUUID();
  const mix = { windows: 1, configMgrOnly: 1 };
  const fleet = { displayName: "Contoso", devices: 3, seed: 1, mix, ...plan };
  await control("POST", "/tenants", { tenantId, ...fleet });
  const behave: Site["behave"] = (settings) =>
    control("PUT", "/behaviour", { tenantId, ...settings });
  await behave({ actMs: [1, 20], reportMs: [1, 20] });
  const pace = { deviceActions: "unlimited", deviceReads: "unlimited" };
  await muster.call("POST", "/tenants", { tenantId, displayName: "Contoso", pace });
  const base = `/tenants/${tenantId}`;
  const settings = settingsFor(world, home, tenantId);
  const relay: Site["relay"] = (more = {}, command?) => {
    const started = startRelayProcess({ ...settings, ...more }, command);
    relays.push(started);
    return started;
  };
  const devices = async () => {
    const { body } = await muster.call<{ value: Listed[] }>("GET", `${base}/devices?top=1000`);
    return body.value;
  };
  const adminService = adminServiceOf(world, tenantId);
  const queue = new QueueClient(storage, queueName(tenantId, "P01"));
  const status: Site["status"] = async (notificationId) =>
    (await muster.call<Status>("GET", `${base}/notifications/${notificationId}`)).body;
  return {
    tenantId,
    behave,
    relay,
    home,
    settings,
    devices,
    status,
    known: async (more, command) => {
      const started = relay(more, command);
      await started.saw("inventory.hand-in");
      await until(async () => (await devices()).some(({ siteCode }) => siteCode === "P01"));
      return started;
    },
    send: async (body) => {
      const sent = await muster.call<{ notificationId: string; detail?: string }>(
        "POST",
        `${base}/notifications`,
        { target: { kind: "tenant" }, expiresAfter: "PT60S", ...body },
      );
      if (sent.status !== 202) throw new Error(sent.body.detail);
      return sent.body.notificationId;
    },
    ended: async (notificationId) => {
      await until(async () => (await status(notificationId)).final);
      return status(notificationId);
    },
    deliveries: async (notificationId) => {
      const path = `${base}/notifications/${notificationId}/deliveries?top=1000`;
      return (await muster.call<{ value: Delivered[] }>("GET", path)).body.value;
    },
    traits: async (action) => {
      const path = `/tenants/${tenantId}/devices?top=1000&action=${action}`;
      type Traits = { value: { failing: boolean; offline: boolean }[] };
      return (await control<Traits>("GET", path)).body.value;
    },
    approvedScript: async () => {
      type Scripts = { value: { ScriptGuid: string; ApprovalState: number }[] };
      const found = await adminService<Scripts>("GET", "/v1.0/Script");
      return found.value.find((script) => script.ApprovalState === 3)?.ScriptGuid ?? "";
    },
    queue,
    claimRequest: async () => {
      for (;;) {
        const [first] = (await queue.peekMessages().catch(() => noMessages)).peekedMessageItems;
        if (first) return JSON.parse(Buffer.from(first.messageText, "base64").toString("utf8"));
        await sleep(50);
      }
    },
    ask: (path, body) => muster.call("POST", `${base}/sites/P01${path}`, body),
    adminService,
    ledger: async (action) => {
      const query = `tenantId=${tenantId}&action=${action}`;
      const summary = await control<{ total: number; doubled: number }>(
        "GET",
        `/ledger/summary?${query}`,
      );
      return summary.body;
    },
  };
}

const settingsFor = (
  { sandboxUrl, muster, token, storage }: World,
  home: string,
  tenantId: string,
) => ({
  RELAY_MUSTER_URL: muster.url,
  RELAY_MUSTER_TOKEN: token,
  RELAY_TENANT_ID: tenantId,
  RELAY_SITE_CODE: "P01",
  RELAY_ADMIN_SERVICE_URL: `${sandboxUrl}/sites/${tenantId}/P01/AdminService`,
  RELAY_ADMIN_SERVICE_AUTH: "basic",
  RELAY_ADMIN_SERVICE_USER: "relay",
  RELAY_ADMIN_SERVICE_PASSWORD: "relay",
  RELAY_STORAGE_CONNECTION: storage,
  RELAY_HOME: home,
  RELAY_IDLE_SECONDS: "0.2",
  RELAY_POLL_SECONDS: "0.1",
  RELAY_SETTLE_SECONDS: "0.5",
  RELAY_REQUESTS_PER_SECOND: "1000",
});

/** Waits for something that others bring about; the test's own time limit ends it. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(50);
}
