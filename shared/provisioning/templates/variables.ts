/**
 * Variables: from the widest to the narrowest, the tenant's, the template's, the action's, the device's; the narrower one
 * wins. Beside them stand facts of tenant and device, whose names have a dot. `{{name}}` is read in texts of parsed JSON
 * alone, so that a value can become nothing but a part of that text; where it is the whole text, it keeps its type.
 * Values may name other variables; facts are never read for names. Pure.
 */
import type { Device } from "../../devices/directory/device.ts";
import { pointerOf } from "../../http/body.ts";
import type { Fault } from "../../kernel/failure.ts";
import { filledText, wholeName } from "../../kernel/placeholders.ts";
import type { TemplateAction, Variables, VariableValue } from "./template.ts";

/** Facts that every text may name. */
export const factNames = [
  "tenant.id",
  "device.id",
  "device.name",
  "device.entraId",
  "device.serialNumber",
  "device.operatingSystem",
  "device.osVersion",
] as const;
export type Facts = Readonly<Partial<Record<(typeof factNames)[number], string>>>;

type FactSource = Partial<
  Pick<Device, "name" | "entraDeviceId" | "serialNumber" | "operatingSystem" | "osVersion">
>;

/** What is known of a device; a text that names what is not known has no value. */
export function factsOf(tenantId: string, deviceId: string, device: FactSource): Facts {
  const known = {
    "tenant.id": tenantId,
    "device.id": deviceId,
    "device.name": device.name,
    "device.entraId": device.entraDeviceId,
    "device.serialNumber": device.serialNumber,
    "device.operatingSystem": device.operatingSystem,
    "device.osVersion": device.osVersion,
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value)) as Facts;
}

/** Stands for a value that only a run knows. */
export const open: unique symbol = Symbol("open");
export type Known = VariableValue | typeof open;

/** What is wrong with a name in a text. */
type NameFault = Pick<Fault, "detail"> & {
  readonly code: "unknown-variable" | "cyclic-variable" | "unclosed-variable" | "too-long";
};

/** Longest value, and longest of all texts of an action together: names of names would grow without end. */
const maxValueChars = 8_192;
const maxFilledChars = 100_000;

type Budget = { left: number };
type ValueOf = (name: string) => Known | undefined;

/** A text with its values; `open` where one is, or where something is wrong with it. */
function filled(
  text: string,
  valueOf: ValueOf,
  { budget, fault }: { readonly budget: Budget; readonly fault: (fault: NameFault) => void },
): Known {
  let isOpen = false;
  let isWrong = false;
  const tell = (found: NameFault): string => {
    if (!isWrong) fault(found);
    isWrong = true;
    return "";
  };
  const given = (name: string): Known | undefined => {
    const value = valueOf(name);
    isOpen ||= value === open;
    budget.left -= typeof value === "string" ? value.length : 0;
    return budget.left < 0 ? tell(tooLong) : value;
  };
  budget.left -= text.length;
  if (budget.left < 0) tell(tooLong);
  const whole = wholeName(text);
  const onlyValue = whole === undefined ? undefined : given(whole);
  const value =
    onlyValue ??
    filledText(
      text,
      (name) => {
        const part = given(name);
        return part === undefined ? undefined : part === open ? "" : String(part);
      },
      (name) => tell(name === undefined ? unclosed : unknown(name)),
    );
  return isWrong || isOpen ? open : value;
}

const tooLong: NameFault = { code: "too-long", detail: "becomes too long with its values" };
const unclosed: NameFault = {
  code: "unclosed-variable",
  detail: "opens a variable that it does not close; {{{{ stands for two braces",
};
const unknown = (name: string): NameFault => ({
  code: "unknown-variable",
  detail: `names the variable ${name}, which has no value here; {{{{ stands for two braces`,
});

/** Variables with what they come to, and what is wrong with those that come to nothing. */
export type Resolved = {
  readonly valueOf: ValueOf;
  readonly faults: readonly (NameFault & { readonly name: string })[];
  /** Characters that it took so far. */
  readonly chars: () => number;
};

/**
 * Works out variables of some layers, the narrowest last: those of `names` now, others when they are asked for, since what
 * nobody names may be megabytes. `given`: values that are taken as they are, where no layer has one: facts, and what is
 * still open.
 */
export function resolve(
  layers: readonly Variables[],
  given: Readonly<Record<string, Known>>,
  names?: Iterable<string>,
): Resolved {
  let chars = 0;
  const own = new Map(layers.flatMap((layer) => Object.entries(layer)));
  const done = new Map<string, Known>(Object.entries(given).filter(([name]) => !own.has(name)));
  const faults: (NameFault & { readonly name: string })[] = [];
  const under: string[] = [];
  const valueOf = (name: string): Known | undefined => {
    const value = own.get(name);
    if (done.has(name) || value === undefined) return done.get(name);
    const since = under.indexOf(name);
    if (since >= 0) {
      const circle = under.slice(since);
      const detail = `goes in a circle: ${[...circle, name].join(", ")}`;
      for (const each of circle) faults.push({ name: each, code: "cyclic-variable", detail });
      for (const each of circle) done.set(each, open);
      return open;
    }
    under.push(name);
    const budget = { left: maxValueChars };
    const fault = (found: NameFault) => faults.push({ name, ...found });
    const came = typeof value === "string" ? filled(value, valueOf, { budget, fault }) : value;
    under.pop();
    chars += maxValueChars - budget.left;
    if (!done.has(name)) done.set(name, came);
    return done.get(name);
  };
  for (const name of names ?? own.keys()) valueOf(name);
  return { valueOf, faults, chars: () => chars };
}

/** A part of a document with its values; `open` has the pointers of texts that have none yet. */
type Filled<T> = {
  readonly value: T;
  readonly open: ReadonlySet<string>;
  readonly faults: readonly (NameFault & Fault)[];
};

/** Fills in every text of a value. Names of members stay as they are. */
export function filledIn<T>(value: T, valueOf: ValueOf): Filled<T> {
  const openAt = new Set<string>();
  const faults: (NameFault & Fault)[] = [];
  const budget = { left: maxFilledChars };
  const visit = (node: unknown, path: readonly PropertyKey[]): unknown => {
    if (Array.isArray(node)) return node.map((each, at) => visit(each, [...path, at]));
    if (typeof node === "object" && node !== null)
      return Object.fromEntries(
        Object.entries(node).map(([name, each]) => [name, visit(each, [...path, name])]),
      );
    if (typeof node !== "string") return node;
    const pointer = pointerOf(path);
    const came = filled(node, valueOf, {
      budget,
      fault: (found) => faults.push({ pointer, ...found }),
    });
    if (came !== open) return came;
    openAt.add(pointer);
    return node;
  };
  return { value: visit(value, []) as T, open: openAt, faults };
}

/** An action with the texts of one device. */
export type FilledAction = Pick<TemplateAction, "parameters" | "when">;

const fixed = new WeakMap<Pick<TemplateAction, "parameters" | "when">, FilledAction | false>();

/** What an action says for every device, where no text of it has a placeholder: a fleet asks that of each. */
export function sameForAll(
  action: Pick<TemplateAction, "parameters" | "when">,
): FilledAction | undefined {
  const known = fixed.get(action);
  if (known !== undefined) return known || undefined;
  const said = saidBy(action);
  const text = JSON.stringify(said);
  const isFixed = !text.includes("{{") && text.length <= maxFilledChars;
  fixed.set(action, isFixed && said);
  return isFixed ? said : undefined;
}

const saidBy = ({
  parameters,
  when,
}: Pick<TemplateAction, "parameters" | "when">): FilledAction => ({
  parameters,
  ...(when === undefined ? {} : { when }),
});

/**
 * What an action says for one device, or everything that keeps it from saying it: then nothing of it may be done.
 */
export function actionFor(
  action: TemplateAction,
  layers: Readonly<Record<"tenant" | "template" | "device", Variables>>,
  facts: Facts,
): { readonly value: FilledAction; readonly faults: readonly Fault[] } {
  const order = [layers.tenant, layers.template, action.variables ?? {}, layers.device];
  const { valueOf, faults: within } = resolve(order, facts, []);
  const { value, open: left, faults } = filledIn<FilledAction>(saidBy(action), valueOf);
  const told = new Set(faults.map(({ pointer }) => pointer));
  const detail = `names a variable that comes to nothing: ${within.map((each) => `${each.name} ${each.detail}`).join("; ")}`;
  const untold = [...left]
    .filter((pointer) => !told.has(pointer))
    .map((pointer) => ({ pointer, code: "unknown-variable", detail }));
  return { value, faults: [...faults, ...untold] };
}
