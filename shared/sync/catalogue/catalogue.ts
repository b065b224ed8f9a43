/**
 * The catalogue: every type of configuration that Muster reads, and what follows from the entries alone: which
 * permissions a selection of them needs, and which requests a change takes. Pure.
 */
import { conditionalAccessTypes } from "./conditional-access.ts";
import type {
  Allowed,
  ConfigurationType,
  ItemWrite,
  Json,
  JsonObject,
  ReferenceFamily,
  WriteStep,
} from "./configuration-type.ts";
import { entraTypes } from "./entra.ts";
import { plainSteps, toRead } from "./entry.ts";
import { intuneTypes } from "./intune.ts";

/** All types, in the order in which they are written: what others name comes first. */
export const configurationTypes: readonly ConfigurationType[] = [
  ...entraTypes,
  ...conditionalAccessTypes,
  ...intuneTypes,
].toSorted((a, b) => a.tier - b.tier);

const byKey = new Map(configurationTypes.map((type) => [type.key, type]));

/** The type of a key, or undefined where there is none. */
export const typeOf = (key: string): ConfigurationType | undefined => byKey.get(key);

/** The types whose items references of a family name; of others Graph is asked by itself. */
export const typeOfFamily = (family: ReferenceFamily): ConfigurationType | undefined =>
  byKey.get(family);

/** Which permissions tell the names of things that are of no type, any one of them. */
const namePermissions: Readonly<Partial<Record<ReferenceFamily, readonly string[]>>> = {
  user: ["User.ReadBasic.All", "User.Read.All", "Directory.Read.All"],
  servicePrincipal: ["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"],
  workloadIdentity: ["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All"],
  directoryRole: [
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
    "Directory.Read.All",
  ],
  mobileApp: toRead("DeviceManagementApps"),
};

/** A permission that is needed, and by what. */
type RequiredPermission = {
  /** The one to ask for. */
  readonly name: string;
  /** Any of these will do, itself among them. */
  readonly anyOf: readonly string[];
  /** Whether the app must have it, or the person who signs in. */
  readonly by: "app" | "user";
  /** The types that need it, in the order of the catalogue. */
  readonly types: readonly string[];
};

/** What a selection of types needs: to be read, or to be written too. */
export function requiredPermissions(
  types: readonly ConfigurationType[],
  mode: "read" | "write",
): RequiredPermission[] {
  const found = new Map<string, RequiredPermission>();
  const add = (type: ConfigurationType, by: "app" | "user", anyOf: readonly string[]): void => {
    const [name = ""] = anyOf;
    const key = JSON.stringify([by, anyOf]);
    const others = found.get(key)?.types ?? [];
    if (!others.includes(type.key))
      found.set(key, { name, anyOf, by, types: [...others, type.key] });
  };
  for (const type of types) {
    const { readBy = "app", writtenBy, permissions } = type;
    for (const anyOf of [...permissions.read, ...namesNeeded(type)]) add(type, readBy, anyOf);
    if (mode === "read" || !type.isWritten) continue;
    for (const anyOf of permissions.write) add(type, writtenBy, anyOf);
  }
  return [...found.values()];
}

/** What the person who signs in has to agree to, so that these types are read, or written too. */
export const personalScopes = (
  types: readonly ConfigurationType[],
  mode: "read" | "write",
): string[] =>
  requiredPermissions(types, mode).flatMap(({ by, name }) => (by === "user" ? [name] : []));

/** Graph asks for one of these beside the permission; a Global Administrator is taken for all of them. */
const rolesByType: Readonly<
  Record<string, readonly { readonly templateId: string; readonly name: string }[]>
> = {
  pimRoleSettings: [
    {
      templateId: "e8611ab8-c189-46e8-94e1-60213ab1f814",
      name: "Privileged Role Administrator",
    },
  ],
};

/** What a sync needs a person for. */
export function neededOf({
  types,
  skipped,
}: {
  readonly types: readonly string[];
  readonly skipped: readonly { readonly type: string }[];
}) {
  const out = new Set(skipped.map(({ type }) => type));
  const ours = types
    .filter((key) => !out.has(key))
    .flatMap((key) => typeOf(key) ?? [])
    .filter(({ writtenBy }) => writtenBy === "user");
  const permissions = requiredPermissions(ours, "write").filter(({ by }) => by === "user");
  const scopes = permissions.map(({ name }) => name);
  const roles = ours.flatMap(({ key }) => {
    const any = rolesByType[key];
    return any === undefined ? [] : [any];
  });
  return { types: ours.map(({ key }) => key), permissions, scopes, roles };
}

/** To give things their names, those who name them must be able to read them. */
function namesNeeded(type: ConfigurationType): (readonly string[])[] {
  const families = new Set(type.references.map(({ family }) => family));
  return [...families].flatMap((family) => {
    const named = typeOfFamily(family);
    // What takes a person to read is read by itself, where somebody has turned it on.
    if (named !== undefined) return named.readBy === "user" ? [] : named.permissions.read;
    const anyOf = namePermissions[family];
    return anyOf === undefined ? [] : [anyOf];
  });
}

/** A value that is known to be there, and that nobody is shown. */
const isSecret = (node: Json | undefined): boolean =>
  typeof node === "object" && node !== null && !Array.isArray(node) && "$secret" in node;

/** Why a write cannot be made, where its content alone shows it; asked when planning, and once more before writing. */
export function refusalOf(
  type: ConfigurationType,
  write: ItemWrite,
): Exclude<Allowed, true> | undefined {
  if (!type.isWritten) return { reason: "notChangeable", detail: "Muster reads this type only." };
  const allowed = type.changeable[write.action];
  if (allowed !== true) return allowed;
  const settled = write.changed.find((name) => type.immutable?.includes(name));
  if (write.action === "update" && settled !== undefined)
    return { reason: "notChangeable", detail: `${settled} is set at creation, and stays.` };
  const refused = type.refuses?.(write);
  if (refused !== undefined) return refused;
  const steps = rawSteps(type, write);
  if (steps.length === 0)
    return { reason: "notChangeable", detail: "Graph has no request that makes this change." };
  return hidesSecret(steps.map(({ body }) => body as Json))
    ? { reason: "secretUnavailable", detail: "It takes a secret that Graph gives to nobody." }
    : undefined;
}

const rawSteps = (type: ConfigurationType, write: ItemWrite): readonly WriteStep[] =>
  type.write?.(write) ?? plainSteps(type, write);

/** What the request that creates an item says of it; where there are others after it, they say the rest. */
export function bornAs(type: ConfigurationType, after: JsonObject): JsonObject {
  const [first] = rawSteps(type, { action: "create", changed: [], after });
  return (first?.body ?? {}) as JsonObject;
}

function hidesSecret(node: Json | undefined): boolean {
  if (isSecret(node)) return true;
  return typeof node === "object" && node !== null && Object.values(node).some(hidesSecret);
}

/**
 * The requests that a change takes, in their order: by the type's own hook, or just POST, PATCH or DELETE. Bodies have
 * the tenant's ids. Ask `refusalOf` first: what is refused here is a bug of the caller.
 */
export function stepsOf(type: ConfigurationType, write: ItemWrite): readonly WriteStep[] {
  const refused = refusalOf(type, write);
  if (refused !== undefined) throw new Error(`${type.key} is not written: ${refused.detail}`);
  return rawSteps(type, write);
}
