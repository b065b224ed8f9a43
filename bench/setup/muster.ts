/** Muster as its users have it: the built functions in the local host, spoken to over its HTTP API. */
import { fileURLToPath } from "node:url";
import { ensureBuilt } from "../../scripts/build.ts";
import type { RouteKind } from "../options.ts";
import { type Hosted, startHosted } from "./hosted.ts";
import { processorSeconds } from "./memory.ts";
import { makeFleet, reached, type Surroundings, startSurroundings } from "./surroundings.ts";
import { until } from "./timing.ts";
import { startWire, type Wire } from "./wire.ts";

const appDir = fileURLToPath(new URL("../..", import.meta.url));
const adminToken = "benchmark-token-that-guards-nothing-at-all";
/** Longer than any run: dispatch is measured without confirmation beside it. */
const never = 6 * 3600;

/**
 * V8 lets its heap grow with the machine's memory; an instance in Azure has little. With these bounds the
 * worker is what it would be there, and what it needs can be told from what it merely may take.
 */
const heapOfSmallInstance = "--max-old-space-size=256 --max-semi-space-size=16";

/** A running Muster. */
export type Muster = Pick<Surroundings, "sandbox"> &
  Pick<Hosted, "hostPid" | "workerPid"> & {
    /** Counts storage requests, where that was asked for. */
    readonly wire: Wire | undefined;
    readonly api: Api;
    /** The connection string of its storage. */
    readonly storage: string;
    /** Seconds of the processor that each kind of process has taken so far, those of its kind together. */
    readonly processor: () => Processor;
    /** Runs a timer function now. */
    readonly runTimer: (name: string) => Promise<void>;
    /** Ends host and worker and starts others on the same storage; `heapFile` as in `heap-probe.ts`. */
    readonly restart: (heapFile?: string) => Promise<void>;
    readonly stop: () => Promise<void>;
  };

/** Seconds of the processor, by kind of process. */
export type Processor = Readonly<Record<"hosts" | "workers" | "storage" | "sandbox", number>>;

/** One request to the API; the answer's JSON. `path` is relative to `/api/v1`, or a whole URL. */
export type Api = (method: string, path: string, body?: object) => Promise<Answer>;
/** What the benchmark reads of answers. */
export type Answer = {
  readonly refreshId: string;
  readonly notificationId: string;
  readonly registrationId: string;
  readonly signInId: string;
  readonly userCode?: string;
  readonly state: string;
  readonly finishedAt?: string;
  readonly final: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly value: readonly unknown[];
  readonly nextLink?: string;
};

/** Starts everything, for itself alone. */
export async function startMuster(
  options: {
    readonly counted?: boolean;
    readonly confirmAfterSeconds?: number;
    /** Host processes on the same storage, each with its worker; one where absent. The API's requests go to them by turns. */
    readonly hosts?: number;
    /** More settings of the app, for what not every measure needs. */
    readonly settings?: (sandbox: Surroundings["sandbox"]) => Readonly<Record<string, string>>;
  } = {},
): Promise<Muster> {
  const { counted = false, confirmAfterSeconds = never, hosts = 1 } = options;
  const [surroundings] = await Promise.all([startSurroundings(), ensureBuilt()]);
  const { azurite, sandbox } = surroundings;
  const wire = counted ? await startWire(azurite.connectionString) : undefined;
  const settings = {
    AzureWebJobsStorage: wire?.connectionString ?? azurite.connectionString,
    MUSTER_ADMIN_TOKEN: adminToken,
    MUSTER_REQUEST_RATE_FACTOR: "1000",
    MUSTER_AUTHORITY_URL: sandbox.authorityUrl,
    MUSTER_CLIENT_ID: sandbox.clientId,
    MUSTER_CLIENT_SECRET: sandbox.clientSecret,
    MUSTER_GRAPH_URL: sandbox.graphUrl,
    NODE_EXTRA_CA_CERTS: sandbox.caFile,
    // What the benchmark itself was given, such as --cpu-prof, reaches the worker too.
    NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} ${heapOfSmallInstance}`.trim(),
    MUSTER_CONFIRM_AFTER_SECONDS: String(confirmAfterSeconds),
    // Waiting for confirmation is no sign of a lost message here.
    MUSTER_OVERDUE_SECONDS: String(2 * never),
    ...options.settings?.(sandbox),
  };
  let hosted = await startHosted(appDir, settings);
  const others = await Promise.all(
    Array.from({ length: hosts - 1 }, () => startHosted(appDir, settings)),
  );
  const all = () => [hosted, ...others];
  let turn = 0;
  const nextHost = (): Hosted => all()[turn++ % hosts] ?? hosted;
  const stop = async (): Promise<void> => {
    await Promise.all(all().map((each) => each.stop()));
    await wire?.stop();
    await surroundings.stop();
  };
  return {
    sandbox,
    wire,
    get hostPid() {
      return hosted.hostPid;
    },
    get workerPid() {
      return hosted.workerPid;
    },
    api: (...asked) => apiOf(nextHost().url)(...asked),
    storage: azurite.connectionString,
    processor: () => ({
      hosts: spent(all().map(({ hostPid }) => hostPid)),
      workers: spent(all().map(({ workerPid }) => workerPid)),
      storage: spent([azurite.pid]),
      sandbox: spent([sandbox.pid]),
    }),
    async runTimer(name) {
      const answer = await fetch(`${hosted.url}/admin/functions/${name}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-functions-key": hosted.masterKey },
        body: "{}",
      });
      if (!answer.ok) throw new Error(`the timer ${name}: ${answer.status}`);
    },
    restart: async (heapFile) => {
      await hosted.stop();
      hosted = await startHosted(appDir, { ...settings, ...probing(settings, heapFile) });
    },
    stop,
  };
}

const spent = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (processorSeconds(pid) ?? 0), 0);

/** Seconds that each kind of process took of the processor for a piece of work. */
export async function processorFor<T>(
  { processor }: Pick<Muster, "processor">,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly processor: Processor }> {
  const before = processor();
  const value = await work();
  const after = processor();
  const { hosts, workers, storage, sandbox } = before;
  return {
    value,
    processor: {
      hosts: after.hosts - hosts,
      workers: after.workers - workers,
      storage: after.storage - storage,
      sandbox: after.sandbox - sandbox,
    },
  };
}

/** Settings of a host whose worker writes down what is left of its heap after collecting all garbage. */
const probing = ({ NODE_OPTIONS }: { readonly NODE_OPTIONS: string }, heapFile?: string) =>
  heapFile === undefined
    ? {}
    : {
        BENCH_HEAP_FILE: heapFile,
        NODE_OPTIONS: `${NODE_OPTIONS} --expose-gc --import=${new URL("heap-probe.ts", import.meta.url).href}`,
      };

const apiOf =
  (base: string): Api =>
  async (method, path, body) => {
    const url = URL.canParse(path) ? path : `${base}/api/v1/${path}`;
    const answer = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? {} : JSON.parse(text)) as Answer;
  };

/** Makes a fleet and a tenant whose pace is lifted, that of reads on demand only; the directory is still empty. */
export async function addTenant(
  { sandbox, api }: Muster,
  devices: number,
  route: RouteKind,
  reads: "unlimited" | "default" = "unlimited",
): Promise<string> {
  const tenantId = await makeFleet(sandbox.url, devices, route);
  const pace = {
    deviceActions: "unlimited",
    ...(reads === "unlimited" ? { deviceReads: reads } : {}),
  };
  await api("POST", "tenants", { tenantId, displayName: `${devices} devices`, pace });
  return tenantId;
}

/** Refreshes the directory and waits for its end; answers its final view. */
export async function refresh({ api }: Muster, tenantId: string): Promise<Answer> {
  const { refreshId } = await api("POST", `tenants/${tenantId}/devices/refresh`, {});
  let view: Answer | undefined;
  await until(
    "a refresh",
    async () => {
      view = await api("GET", `tenants/${tenantId}/refreshes/${refreshId}`);
      return view.state !== "running";
    },
    { everyMs: 50 },
  );
  if (view?.state !== "completed") throw new Error(`refresh ended so: ${JSON.stringify(view)}`);
  return view;
}

/** What is sent on each route: an action that every device of the fleet takes by it. */
const actions: Readonly<Record<RouteKind, string>> = {
  bulk: "endpointProtectionQuickScan",
  batch: "downloadComputerPolicy",
};

/** Asks for the route's action on the whole tenant, or another target; answers the notification's path. */
export async function notify(
  { api }: Muster,
  tenantId: string,
  route: RouteKind,
  target: object = { kind: "tenant" },
): Promise<string> {
  const body = { action: actions[route], target };
  const { notificationId } = await api("POST", `tenants/${tenantId}/notifications`, body);
  return `tenants/${tenantId}/notifications/${notificationId}`;
}

/** Waits until Graph has taken the action for every device. Asks the sandbox only. */
export const untilReached = ({ sandbox }: Muster, tenantId: string, devices: number) =>
  until("all devices", async () => (await reached(sandbox.url, tenantId)).distinct >= devices);

/** Checks with the sandbox that each device was reached once. @throws When one was not, or more than once. */
export async function checkOnce(
  { sandbox }: Muster,
  tenantId: string,
  devices: number,
): Promise<void> {
  const { distinct, doubled } = await reached(sandbox.url, tenantId);
  if (distinct !== devices || doubled > 0)
    throw new Error(`${distinct} of ${devices} devices were reached, ${doubled} more than once`);
}

/** Waits until Muster itself says that every delivery is sent, or beyond. */
export const untilSent = ({ api }: Muster, path: string, devices: number) =>
  until("all deliveries", async () => {
    const { counts } = await api("GET", path);
    return counts["total"] === devices && counts["waiting"] === 0;
  });
