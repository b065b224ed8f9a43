/** The conditions that rules are made of: one property, one operator, one value. */
import { z } from "zod";
import { durationMs } from "../kernel/duration.ts";

const text = z.string().min(1).max(256);
const texts = z.array(text).min(1).max(100);
const equals = z.literal("equals");
const within = z.literal("in");
const startsWith = z.literal("startsWith");
const duration = z
  .string()
  .refine((value) => durationMs(value) !== undefined, "must be an ISO 8601 duration such as P7D")
  .meta({ format: "duration" });

/** Text properties with a small set of customary values. Comparison ignores case. */
const choice = <const P extends string>(property: P) => {
  const named = z.literal(property);
  return z.discriminatedUnion("operator", [
    z.strictObject({ property: named, operator: equals, value: text }),
    z.strictObject({ property: named, operator: z.literal("notEquals"), value: text }),
    z.strictObject({ property: named, operator: within, value: texts }),
  ]);
};

const nameCondition = z.discriminatedUnion("operator", [
  z.strictObject({ property: z.literal("deviceName"), operator: equals, value: text }),
  z.strictObject({ property: z.literal("deviceName"), operator: startsWith, value: text }),
]);

const tagCondition = z.discriminatedUnion("operator", [
  z.strictObject({ property: z.literal("groupTag"), operator: equals, value: text }),
  z.strictObject({ property: z.literal("groupTag"), operator: startsWith, value: text }),
  z.strictObject({ property: z.literal("groupTag"), operator: within, value: texts }),
  z.strictObject({ property: z.literal("groupTag"), operator: z.literal("isMissing") }),
]);

const lastSync = z.literal("lastSyncDateTime");
const instant = z.iso.datetime({ offset: true });
const syncCondition = z.discriminatedUnion("operator", [
  z.strictObject({ property: lastSync, operator: z.literal("olderThan"), value: duration }),
  z.strictObject({ property: lastSync, operator: z.literal("newerThan"), value: duration }),
  z.strictObject({ property: lastSync, operator: z.literal("before"), value: instant }),
  z.strictObject({ property: lastSync, operator: z.literal("after"), value: instant }),
]);

const whatARuleIs =
  "a rule has and, or, not, or a property out of operatingSystem, managementAgent, complianceState, deviceName, groupTag, lastSyncDateTime";

/** One condition on one property. */
export const Condition = z
  .discriminatedUnion(
    "property",
    [
      choice("operatingSystem"),
      choice("managementAgent"),
      choice("complianceState"),
      nameCondition,
      tagCondition,
      syncCondition,
    ],
    { error: ({ code }) => (code === "invalid_union" ? whatARuleIs : undefined) },
  )
  .meta({ id: "Condition" });
export type Condition = z.output<typeof Condition>;
