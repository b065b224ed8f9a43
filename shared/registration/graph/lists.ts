/**
 * What Intune lists of Autopilot in a tenant: records of imports, and the devices that are registered. Both only come as
 * whole lists, page by page, so that a read of them serves everybody who asks within seconds.
 */
import { LRUCache } from "lru-cache";
import * as z from "zod";
import { type GraphAnswer, wordsOf } from "../../graph/answer.ts";
import type { GraphClient, GraphVersion } from "../../graph/client.ts";
import type { Clock, Instant } from "../../kernel/clock.ts";

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");

const ImportRecord = z.object({
  id: z.string(),
  importId: text,
  serialNumber: text,
  state: z
    .object({
      deviceImportStatus: text,
      deviceRegistrationId: text,
      deviceErrorCode: z.number().nullish(),
      deviceErrorName: text,
    })
    .nullish(),
});
/** A record of an import. */
export type ImportRecord = z.output<typeof ImportRecord>;

const RegisteredDevice = z
  .object({
    id: z.string(),
    serialNumber: text,
    groupTag: text,
    userPrincipalName: text,
    managedDeviceId: text,
  })
  .transform(({ managedDeviceId, ...device }) => ({
    ...device,
    /** It is enrolled: an id of zeros is none. */
    isManaged: /[1-9a-f]/i.test(managedDeviceId),
  }));
/** A registered device. */
export type RegisteredDevice = z.output<typeof RegisteredDevice>;

/**
 * The one device under a name. Undefined also where several bear it: makers give a serial number twice at times, and boards
 * whose maker has not filled it in have the same. Which of them is meant, nobody knows.
 */
export function onlyOne(devices: readonly RegisteredDevice[] = []): RegisteredDevice | undefined {
  const [device, ...others] = devices;
  return others.some(({ id }) => id !== device?.id) ? undefined : device;
}

const CorporateIdentifier = z.object({ importedDeviceIdentifier: text });
type CorporateIdentifier = z.output<typeof CorporateIdentifier>;

/** A list, by the names that its entries are looked for under; or why there is none now. */
export type ListRead<T> =
  | {
      readonly kind: "read";
      readonly at: Instant;
      /** Requests that it took: none where it was known. */
      readonly requests: number;
      readonly pages: number;
      readonly named: ReadonlyMap<string, readonly T[]>;
    }
  | Unreadable;

/** Why a list cannot be read now. */
export type Unreadable = {
  readonly kind: "unreadable";
  readonly at: Instant;
  readonly afterMs?: number;
  readonly throttled: boolean;
  readonly why: string;
};

/** A list is good for so long, for whoever wants nothing newer; a large one longer: reading it takes a request a page. */
const keepMs = 3_000;
const keepPerPageMs = 1_000;
/** Whether a list, however old, shows all that is looked for: what is as it should be stays so. */
type Good<T> = (named: ReadonlyMap<string, readonly T[]>) => boolean;

type Wanted<T> = {
  readonly schema: z.ZodType<T>;
  readonly namesOf: (entry: T) => readonly string[];
  readonly good?: Good<T> | undefined;
  readonly version?: GraphVersion;
};

function isGood<T>(
  { at, pages, named }: Extract<ListRead<T>, { readonly kind: "read" }>,
  since: Instant,
  now: Instant,
  good: Good<T> | undefined,
): boolean {
  if (at > since && now - at < Math.max(keepMs, pages * keepPerPageMs)) return true;
  return good?.(named) === true;
}

/** Lists in memory: of a large tenant one takes tens of megabytes. */
const maxKept = 12;
/** Far more than any tenant has. */
const maxPages = 2_000;
const inCircle = "its links lead in a circle";

/** Reads both lists. */
export class AutopilotLists {
  readonly #graph: GraphClient;
  readonly #clock: Clock;
  readonly #kept = new LRUCache<string, { at: Instant; read: Promise<ListRead<unknown>> }>({
    max: maxKept,
  });

  constructor(graph: GraphClient, clock: Clock) {
    this.#graph = graph;
    this.#clock = clock;
  }

  /** Records of imports, by `importKey` and by serial number; read later than `since`, or `good` enough. */
  imports(
    tenantId: string,
    since: Instant,
    good?: Good<ImportRecord>,
  ): Promise<ListRead<ImportRecord>> {
    const path = "/deviceManagement/importedWindowsAutopilotDeviceIdentities";
    const namesOf = ({ importId, serialNumber }: ImportRecord) => [
      importKey(importId),
      serialNumber,
    ];
    return this.#list(tenantId, since, path, { schema: ImportRecord, namesOf, good });
  }

  /** Registered devices, by id and by serial number; read later than `since`, or `good` enough. */
  devices(
    tenantId: string,
    since: Instant,
    good?: Good<RegisteredDevice>,
  ): Promise<ListRead<RegisteredDevice>> {
    const path = "/deviceManagement/windowsAutopilotDeviceIdentities?$top=999";
    const namesOf = ({ id, serialNumber }: RegisteredDevice) => [id, serialNumber];
    return this.#list(tenantId, since, path, { schema: RegisteredDevice, namesOf, good });
  }

  /** Corporate device identifiers, in small letters with commas between, as some tenants have semicolons. */
  identifiers(tenantId: string, since: Instant): Promise<ListRead<CorporateIdentifier>> {
    const path = "/deviceManagement/importedDeviceIdentities";
    const namesOf = ({ importedDeviceIdentifier }: CorporateIdentifier) => [
      importedDeviceIdentifier.toLowerCase().replaceAll(";", ","),
    ];
    const version = "beta";
    return this.#list(tenantId, since, path, { schema: CorporateIdentifier, namesOf, version });
  }

  async #list<T>(
    tenantId: string,
    since: Instant,
    path: string,
    { schema, namesOf, good, version = "v1.0" }: Wanted<T>,
  ): Promise<ListRead<T>> {
    const key = `${tenantId} ${path}`;
    const now = this.#clock.now();
    const known = this.#kept.get(key);
    if (known !== undefined) {
      const read = (await known.read) as ListRead<T>;
      if (read.kind === "read" && isGood(read, since, now, good)) return { ...read, requests: 0 };
      if (read.kind === "unreadable" && known.at > since && now - known.at < keepMs) return read;
    }
    const read = this.#read(tenantId, version, path, { at: now, schema, namesOf });
    this.#kept.set(key, { at: now, read });
    read.catch(() => this.#kept.delete(key));
    return read;
  }

  async #read<T>(
    tenantId: string,
    version: GraphVersion,
    path: string,
    {
      at,
      schema,
      namesOf,
    }: {
      readonly at: Instant;
      readonly schema: z.ZodType<T>;
      readonly namesOf: (entry: T) => readonly string[];
    },
  ): Promise<ListRead<T>> {
    const Page = z.object({ value: z.array(schema), "@odata.nextLink": z.string().optional() });
    const named = new Map<string, T[]>();
    const links = new Set<string>();
    let answer = await this.#graph.ask(tenantId, version, { method: "GET", path });
    for (let requests = 1; ; requests += 1) {
      if (answer.kind !== "ok") return unreadableBy(answer, at);
      const page = Page.safeParse(answer.body);
      if (!page.success)
        return { kind: "unreadable", at, throttled: false, why: "it is not Graph's list" };
      addTo(named, page.data.value, namesOf);
      const next = page.data["@odata.nextLink"];
      if (next === undefined) return { kind: "read", at, requests, pages: requests, named };
      if (links.has(next) || requests === maxPages)
        return { kind: "unreadable", at, throttled: false, why: inCircle };
      links.add(next);
      answer = await this.#graph.follow(tenantId, next);
    }
  }
}

function addTo<T>(
  named: Map<string, T[]>,
  entries: readonly T[],
  namesOf: (entry: T) => readonly string[],
): void {
  for (const entry of entries)
    for (const name of new Set(namesOf(entry))) {
      const same = named.get(name);
      if (same !== undefined) same.push(entry);
      else if (name !== "") named.set(name, [entry]);
    }
}

function unreadableBy(
  answer: Exclude<GraphAnswer, { readonly kind: "ok" }>,
  at: Instant,
): Unreadable {
  const why = answer.kind === "refused" ? wordsOf(answer) : answer.why;
  const throttled = answer.kind === "throttled";
  const afterMs = "retryAfterMs" in answer ? answer.retryAfterMs : undefined;
  return { kind: "unreadable", at, throttled, why, ...(afterMs === undefined ? {} : { afterMs }) };
}

/** Digits of an import's id that name the device of a job; the others say which attempt it was. */
const keyChars = 23;

/** What the ids of a device's imports begin with. */
const importKey = (importId: string): string => importId.toLowerCase().slice(0, keyChars);
/** Which attempt an import was. */
export const attemptIn = (importId: string): number =>
  Number.parseInt(importId.slice(keyChars + 1), 16);
/** The id of an attempt: a GUID, as Intune's own imports have. */
export const importIdOf = (key: string, attempt: number): string =>
  `${key}-${attempt.toString(16).padStart(12, "0")}`;
