/** How people prove who they are: one policy, and a resource of its own for each method. */
import { textOf } from "../items/json.ts";
import type {
  ConfigurationType,
  ItemWrite,
  JsonObject,
  ReferencePlace,
  WriteStep,
} from "./configuration-type.ts";
import { changedElements, entraSingleton, listAt, plainSteps } from "./entry.ts";

const methods = "/policies/authenticationMethodsPolicy";
const configurations = "authenticationMethodConfigurations";
/** Lists of targets: in each method, and in what registration asks for. */
const targetLists = [
  `${configurations}[].includeTargets`,
  `${configurations}[].excludeTargets`,
  `${configurations}[].certificateAuthorityScopes[].includeTargets`,
  "registrationEnforcement.authenticationMethodsRegistrationCampaign.includeTargets",
  "registrationEnforcement.authenticationMethodsRegistrationCampaign.excludeTargets",
];
const featureTargets = [
  "displayAppInformationRequiredState",
  "displayLocationInformationRequiredState",
  "companionAppAllowedState",
].flatMap((feature) =>
  ["includeTarget", "excludeTarget"].map(
    (target) => `${configurations}[].featureSettings.${feature}.${target}`,
  ),
);

const targetReference = (at: string): ReferencePlace => ({
  at: `${at}.id`,
  family: "group",
  literals: ["all_users", "00000000-0000-0000-0000-000000000000"],
  where: { property: "targetType", is: "group" },
});

const isExternal = ({ "@odata.type": type }: JsonObject): boolean =>
  type === "#microsoft.graph.externalAuthenticationMethodConfiguration";

/** A tenant gives each external method an id of its own; the same one is called alike everywhere. */
const named = (method: JsonObject): JsonObject =>
  isExternal(method) ? { ...method, id: `External: ${textOf(method["displayName"])}` } : method;

/** How people prove who they are: Microsoft's methods, which are there once and for all, and external ones. */
export const authenticationMethodsPolicy: ConfigurationType = {
  ...entraSingleton,
  key: "authenticationMethodsPolicy",
  names: { en: "Authentication methods", fr: "Méthodes d'authentification" },
  list: methods,
  item: methods,
  permissions: {
    read: [["Policy.Read.AuthenticationMethod", "Policy.ReadWrite.AuthenticationMethod"]],
    write: [["Policy.ReadWrite.AuthenticationMethod"]],
  },
  drops: ["displayName", "description", "policyVersion", "reconfirmationInDays"],
  sets: [
    ...targetLists,
    `${configurations}[].includeTargets[].allowedPasskeyProfiles`,
    `${configurations}[].keyRestrictions.aaGuids`,
  ],
  emptyIsNothing: [...targetLists, `${configurations}[].keyRestrictions.aaGuids`],
  keyedLists: { [configurations]: "id" },
  references: [...targetLists.map((list) => `${list}[]`), ...featureTargets].map(targetReference),
  isWritten: true,
  normalise: (body) =>
    body[configurations] === undefined
      ? body
      : { ...body, [configurations]: listAt(body, configurations).map(named) },
  // Microsoft adds methods now and then: nobody can want them away, and who does not name one leaves it as it is.
  complete: (desired, actual) => {
    const wanted = new Set(listAt(desired, configurations).map(({ id }) => id));
    const more = listAt(actual, configurations).filter(
      (method) => !isExternal(method) && !wanted.has(method["id"] ?? null),
    );
    return more.length === 0
      ? desired
      : { ...desired, [configurations]: [...listAt(desired, configurations), ...more] };
  },
  // Each method is a resource of its own, which a change of the policy itself does not reach.
  write: (write) => {
    const changed = write.changed.filter((name) => name !== configurations);
    return [
      ...plainSteps(authenticationMethodsPolicy, { ...write, changed }),
      ...(changed.length < write.changed.length ? methodSteps(write) : []),
    ];
  },
};

const place = `${methods}/${configurations}`;

/** External methods are made and removed; all others are only changed. */
function methodSteps(write: ItemWrite): WriteStep[] {
  const ids = new Map(
    listAt(write.raw, configurations).map((raw) => [named(raw)["id"], textOf(raw["id"])]),
  );
  const wanted = new Set(listAt(write.after, configurations).map(({ id }) => id));
  const gone = listAt(write.before, configurations).filter(
    (method) => isExternal(method) && !wanted.has(method["id"] ?? null),
  );
  return [
    ...gone.map(
      ({ id }): WriteStep => ({ method: "DELETE", path: `${place}/${ids.get(id) ?? textOf(id)}` }),
    ),
    ...changedElements(write, configurations).map(({ id, ...body }): WriteStep => {
      const own = ids.get(id);
      return own === undefined && isExternal(body)
        ? { method: "POST", path: place, body }
        : { method: "PATCH", path: `${place}/${own ?? textOf(id)}`, body };
    }),
  ];
}
