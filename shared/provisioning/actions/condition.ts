/** Conditions on a device, in one language for what an action waits for and for whether it is done at all. Pure. */
import * as z from "zod";
import { Line } from "../../kernel/outside-text.ts";
import { Guid } from "../../kernel/values.ts";

/** What can be known of a device; absent where nobody knows it. Texts are Graph's own. */
export type DeviceFacts = {
  readonly deviceName?: string;
  readonly operatingSystem?: string;
  readonly managementAgent?: string;
  readonly osVersion?: string;
  readonly complianceState?: string;
  readonly groupTag?: string;
  readonly serialNumber?: string;
  readonly manufacturer?: string;
  readonly model?: string;
  readonly userPrincipalName?: string;
  /** Whether Autopilot has assigned a profile. */
  readonly autopilotProfile?: "assigned" | "notAssigned";
  /** Of the groups that were asked about, those that it is in. */
  readonly groups?: ReadonlySet<string>;
};

const text = Line.min(1).max(256);
const version = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,9}){0,3}$/, "must be a version such as 10.0.26100")
  .max(40);

const textCondition = <const P extends string>(property: P) => {
  const named = z.literal(property);
  return z.discriminatedUnion("operator", [
    z.strictObject({ property: named, operator: z.literal("equals"), value: text }),
    z.strictObject({ property: named, operator: z.literal("notEquals"), value: text }),
    z.strictObject({ property: named, operator: z.literal("startsWith"), value: text }),
    z.strictObject({
      property: named,
      operator: z.literal("in"),
      value: z.array(text).min(1).max(100),
    }),
  ]);
};

const versionCondition = z.strictObject({
  property: z.literal("osVersion"),
  operator: z.enum(["equals", "atLeast", "below"]),
  value: version,
});

/** What the directory knew of a device when its run began, beside what every device run carries: kept where a template asks. */
export const directoryFacts = [
  "complianceState",
  "groupTag",
  "serialNumber",
  "manufacturer",
  "model",
  "userPrincipalName",
] as const;
export type DirectoryFacts = Pick<DeviceFacts, (typeof directoryFacts)[number]>;

const OneFact = z.discriminatedUnion("property", [
  textCondition("deviceName"),
  textCondition("operatingSystem"),
  textCondition("managementAgent"),
  versionCondition,
  textCondition("complianceState"),
  textCondition("groupTag"),
  textCondition("serialNumber"),
  textCondition("manufacturer"),
  textCondition("model"),
  textCondition("userPrincipalName"),
]);
const facts = z.array(OneFact).min(1).max(10);

/** What is known of every device when an action begins, so that it may decide whether that is done at all. */
export const FactCondition = z.union([
  OneFact,
  z.strictObject({ all: facts }),
  z.strictObject({ any: facts }),
]);

/** Whether it holds. What nobody knows holds in no condition. */
export function factsHold(condition: z.output<typeof FactCondition>, known: DeviceFacts): boolean {
  const isSo = (one: z.output<typeof OneFact>): boolean => holds(one, known) === true;
  if ("all" in condition) return condition.all.every(isSo);
  return "any" in condition ? condition.any.some(isSo) : isSo(condition);
}

const textOperators = ["equals", "notEquals", "startsWith", "in"] as const;

/** What a condition before an action may be about, in both languages. */
const factWords: Readonly<Record<Fact, readonly [en: string, fr: string]>> = {
  deviceName: ["Device name", "Nom de l’appareil"],
  operatingSystem: ["Operating system", "Système d’exploitation"],
  managementAgent: ["Managed by", "Géré par"],
  osVersion: ["Version of the system", "Version du système"],
  complianceState: ["Compliance", "Conformité"],
  groupTag: ["Group tag", "Balise de groupe"],
  serialNumber: ["Serial number", "Numéro de série"],
  manufacturer: ["Manufacturer", "Fabricant"],
  model: ["Model", "Modèle"],
  userPrincipalName: ["User (UPN)", "Utilisateur (UPN)"],
};
type Fact = z.output<typeof OneFact>["property"];

/** What conditions before an action can say, for whoever writes one. */
export const conditionFacts = Object.entries(factWords).map(([id, [en, fr]]) => ({
  id,
  name: { en, fr },
  operators: id === "osVersion" ? ["equals", "atLeast", "below"] : [...textOperators],
}));

/** What can be waited for. */
export const Condition = z.discriminatedUnion("property", [
  textCondition("deviceName"),
  textCondition("operatingSystem"),
  textCondition("managementAgent"),
  versionCondition,
  textCondition("complianceState"),
  textCondition("groupTag"),
  z.strictObject({
    property: z.literal("autopilotProfile"),
    operator: z.literal("equals"),
    value: z.enum(["assigned", "notAssigned"]),
  }),
  z.strictObject({
    property: z.literal("group"),
    operator: z.enum(["contains", "containsNot"]),
    value: Guid.describe("Object id of an Entra group"),
  }),
]);
export type Condition = z.output<typeof Condition>;

/** Whether a condition holds; undefined where what it asks for is not known. Texts are compared in any case. */
export function holds(
  condition: Condition | z.output<typeof OneFact>,
  known: DeviceFacts,
): boolean | undefined {
  if (condition.property === "group") {
    const isIn = known.groups?.has(condition.value);
    return isIn === undefined ? undefined : isIn === (condition.operator === "contains");
  }
  const fact = known[condition.property];
  if (fact === undefined) return undefined;
  if (condition.property === "osVersion") return versionHolds(condition, fact);
  return textHolds(condition, fact.toLowerCase());
}

type TextCondition = Exclude<
  Condition | z.output<typeof OneFact>,
  { readonly property: "group" | "osVersion" }
>;

function textHolds(condition: TextCondition, known: string): boolean {
  switch (condition.operator) {
    case "equals":
      return known === condition.value.toLowerCase();
    case "notEquals":
      return known !== condition.value.toLowerCase();
    case "startsWith":
      return known.startsWith(condition.value.toLowerCase());
    case "in":
      return condition.value.some((value) => known === value.toLowerCase());
  }
}

/** Versions by their numbers, the missing ones 0; a text without numbers in front is no version. */
function versionHolds(
  { operator, value }: z.output<typeof versionCondition>,
  known: string,
): boolean | undefined {
  const found = /^\d+(\.\d+)*/.exec(known.trim())?.[0];
  if (found === undefined) return undefined;
  const [has, wants] = [found, value].map((each) => each.split(".").map(Number));
  const differing = [0, 1, 2, 3].find((at) => (has?.[at] ?? 0) !== (wants?.[at] ?? 0));
  if (differing === undefined) return operator !== "below";
  const isHigher = (has?.[differing] ?? 0) > (wants?.[differing] ?? 0);
  return operator === "equals" ? false : isHigher === (operator === "atLeast");
}
