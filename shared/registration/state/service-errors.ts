/**
 * What the deployment service says of a device that it does not take. By name: numbers were seen under other names than
 * their own. What is not known is passed on as it came.
 */

/** What a name means: the code that we give it, and what to do. */
export type ServiceMeaning = {
  /** `already`: it is registered here. `passing`: worth trying again. */
  readonly kind: "already" | "passing" | "failed";
  readonly code: string;
  readonly advice: string;
};

const failed = (code: string, advice: string): ServiceMeaning => ({ kind: "failed", code, advice });
const otherTenant = failed(
  "assigned-to-other-tenant",
  "another tenant holds it: its former owner or seller has to release it, or Microsoft with a proof of ownership",
);

const meanings: ReadonlyMap<string, ServiceMeaning> = new Map(
  Object.entries({
    StorageError: { kind: "passing", code: "service-busy", advice: "the service failed for now" },
    ZtdDeviceAlreadyAssigned: {
      kind: "already",
      code: "already-registered",
      advice: "the tenant has it already",
    },
    InvalidZtdRequestBody: failed("request-not-taken", "tell who runs Muster"),
    InvalidZtdHardwareHash: failed("invalid-hash", "capture the hash again"),
    HashNot4k: failed("invalid-hash", "capture the hash again on a newer Windows"),
    MissingZtdSerialNumberAndProductKey: failed("identity-incomplete", "complete the row"),
    ZtdDeviceIsNotRegistered: failed("not-registered", "refresh the list of devices"),
    ZtdDeviceAssignedToOtherTenant: otherTenant,
    ZtdDeviceAssignedToAnotherTenant: otherTenant,
    ZtdProfileIsNotRegistered: failed("profile-not-found", "check the profile"),
    ZtdProfileAssignedToOtherTenant: failed("profile-not-found", "check the profile"),
    ZtdDeviceRegisteredByOtherTenant: failed(
      "registered-elsewhere",
      "it has to be deleted where it was registered",
    ),
    ZtdDeviceNotFound: failed(
      "not-found",
      "no hash was uploaded for it: check maker and model letter by letter, or use its hash",
    ),
    ZtdDeviceIsNotUnique: failed(
      "not-unique",
      "the hash is that of several devices: ask its maker",
    ),
    ZtdDeviceAlreadyAadRegistered: failed(
      "entra-object-exists",
      "remove the old device object in Entra ID",
    ),
    ZtdDeviceDuplicated: failed("duplicated", "the same hash came twice: see the other row"),
  } satisfies Record<string, ServiceMeaning>).map(([name, meaning]) => [
    name.toLowerCase(),
    meaning,
  ]),
);

/** Our code for what we have no word for. */
export const unknownCode = "service-error";

/** The numbers that Microsoft's lists have for names: asked where no name is said. */
const names: ReadonlyMap<number, string> = new Map([
  [640, "StorageError"],
  [801, "InvalidZtdRequestBody"],
  [802, "InvalidZtdHardwareHash"],
  [803, "MissingZtdSerialNumberAndProductKey"],
  [806, "ZtdDeviceAlreadyAssigned"],
  [807, "ZtdDeviceIsNotRegistered"],
  [808, "ZtdDeviceAssignedToOtherTenant"],
  [809, "ZtdProfileIsNotRegistered"],
  [810, "ZtdProfileAssignedToOtherTenant"],
  [811, "ZtdDeviceRegisteredByOtherTenant"],
  [812, "ZtdDeviceNotFound"],
  [813, "ZtdDeviceIsNotUnique"],
  [814, "ZtdDeviceAlreadyAadRegistered"],
]);

/** The name of a fault; where the service says none, that of its number. Never empty: a fault without a name is one. */
export const nameOf = (name: string, code: number): string =>
  name === "" ? (names.get(code) ?? "Unnamed") : name;

/** What a fault means, by its name in any case of its letters; where a sentence stands in its place, by its number. */
export function meaningOf(name: string, code: number): ServiceMeaning {
  const isName = /^[a-z\d]+$/i.test(name);
  const known = isName ? name : (names.get(code) ?? name);
  return meanings.get(known.toLowerCase()) ?? failed(unknownCode, "this is not known to Muster");
}

/** What the service said at the end of an import: its number and name for a fault, and the id of what is registered. */
export type Learned = {
  readonly code: number;
  /** Empty where there was none. */
  readonly name: string;
  readonly registrationId: string;
};

/** Names of the service's are words; whatever else stands there is kept as one, and short. */
const plainName = (name: string): string => name.replaceAll(/[^\w-]+/g, "_").slice(0, 60);

/** As an item keeps it, for its next step and for whoever reads it. */
export const learnedText = ({ code, name, registrationId }: Learned): string =>
  [code, plainName(name), registrationId.slice(0, 40)].join(" ");

/** What an item has kept of it. */
export function learnedFrom({ learned = "" }: { readonly learned?: string }): Learned {
  const [code = "", name = "", registrationId = ""] = learned.split(" ");
  return { code: Number(code), name, registrationId };
}
