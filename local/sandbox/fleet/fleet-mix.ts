/** Which devices a fleet is made of: shares of operating systems, and of ways to manage Windows. */
import { randomStream } from "./chance.ts";

/** How a device is managed (discovered: a site has found it, and nobody manages it), as the kinds of device route differ by it. */
export type Management = "intuneOnly" | "coManaged" | "configMgrOnly" | "discovered";

/** One kind of device. `agent` is Graph's managementAgent. */
export type Profile = {
  readonly operatingSystem: "Windows" | "macOS" | "iOS" | "Android";
  readonly letter: string;
  readonly management: Management;
  readonly agent: string;
};

const windows = { operatingSystem: "Windows", letter: "W" } as const;
const android = { operatingSystem: "Android", letter: "A", management: "intuneOnly" } as const;

/** Every kind of device; a device stores the position of its kind in this list. */
export const profiles: readonly Profile[] = [
  { ...windows, management: "intuneOnly", agent: "mdm" },
  { ...windows, management: "intuneOnly", agent: "intuneClient" },
  { ...windows, management: "coManaged", agent: "configurationManagerClientMdm" },
  { ...windows, management: "coManaged", agent: "configurationManagerClientMdmEas" },
  { ...windows, management: "configMgrOnly", agent: "configurationManagerClient" },
  { operatingSystem: "macOS", letter: "M", management: "intuneOnly", agent: "mdm" },
  { operatingSystem: "iOS", letter: "I", management: "intuneOnly", agent: "mdm" },
  { ...android, agent: "googleCloudDevicePolicyController" },
  { ...android, agent: "mdm" },
  { ...windows, management: "discovered", agent: "none" },
];

/** Weights of operating systems among all devices, and of management among Windows devices. */
export type FleetMix = {
  readonly windows: number;
  readonly macOS: number;
  readonly iOS: number;
  readonly Android: number;
  readonly intuneOnly: number;
  readonly coManaged: number;
  readonly configMgrOnly: number;
  readonly discovered: number;
};

/** A fleet of an ordinary company: mostly Windows, a good third of it co-managed, 5 % unknown to Intune. */
export const defaultMix: FleetMix = {
  windows: 0.82,
  macOS: 0.06,
  iOS: 0.08,
  Android: 0.04,
  intuneOnly: 0.57,
  coManaged: 0.37,
  configMgrOnly: 0.06,
  discovered: 0,
};

const systems = ["windows", "macOS", "iOS", "Android"] as const;
const managements = ["intuneOnly", "coManaged", "configMgrOnly", "discovered"] as const;

/**
 * Completes a partly given mix. Naming one member of a group (operating systems, managements) sets
 * the unnamed members of that group to 0: `{ windows: 1 }` means nothing but Windows.
 */
export function completeMix(given: Partial<FleetMix>): FleetMix {
  const part = (group: readonly (keyof FleetMix)[]): Partial<FleetMix> =>
    group.some((name) => given[name] !== undefined)
      ? Object.fromEntries(group.map((name) => [name, given[name] ?? 0]))
      : {};
  return { ...defaultMix, ...part(systems), ...part(managements) };
}

/** The profile numbers of `count` devices, in exact shares and in an order that depends on the seed. */
export function dealProfiles(count: number, mix: FleetMix, seed: number): Uint8Array {
  const dealt = new Uint8Array(count);
  let at = 0;
  shareOut(count, weightsOf(mix)).forEach((devices, profile) => {
    dealt.fill(profile, at, at + devices);
    at += devices;
  });
  const random = randomStream(seed);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const held = dealt[last] ?? 0;
    dealt[last] = dealt[other] ?? 0;
    dealt[other] = held;
  }
  return dealt;
}

function weightsOf(mix: FleetMix): readonly number[] {
  const system = mix.windows + mix.macOS + mix.iOS + mix.Android;
  const management = mix.intuneOnly + mix.coManaged + mix.configMgrOnly + mix.discovered;
  const windowsShare = (weight: number): number => (mix.windows / system) * (weight / management);
  return [
    windowsShare(mix.intuneOnly) * 0.98,
    windowsShare(mix.intuneOnly) * 0.02,
    windowsShare(mix.coManaged) * 0.95,
    windowsShare(mix.coManaged) * 0.05,
    windowsShare(mix.configMgrOnly),
    mix.macOS / system,
    mix.iOS / system,
    (mix.Android / system) * 0.9,
    (mix.Android / system) * 0.1,
    windowsShare(mix.discovered),
  ];
}

/** Whole numbers that sum up to `count`: the largest remainders get what rounding down leaves over. */
function shareOut(count: number, weights: readonly number[]): readonly number[] {
  const exact = weights.map((weight) => weight * count);
  const shares = exact.map(Math.floor);
  const left = count - shares.reduce((sum, share) => sum + share, 0);
  exact
    .map((value, position) => ({ rest: value - Math.floor(value), position }))
    .toSorted((a, b) => b.rest - a.rest)
    .slice(0, left)
    .forEach(({ position }) => {
      shares[position] = (shares[position] ?? 0) + 1;
    });
  return shares;
}
