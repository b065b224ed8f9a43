/** The facts of one device that several answers need: its name, serial number, user and hardware. */
import { fraction, hash32 } from "../../fleet/chance.ts";
import { chanceOf } from "../../fleet/fleet.ts";
import type { Tenant } from "../../fleet/tenants.ts";

const sites = ["LON", "PAR", "BER", "MAD", "NYC", "SFO", "TOK", "SYD", "ZRH", "OSL"];
const hardware = {
  Windows: ["Lenovo/ThinkPad T14 Gen 5", "Dell Inc./Latitude 7450", "HP/EliteBook 840 G11"],
  macOS: ["Apple/MacBook Air", "Apple/MacBook Pro"],
  iOS: ["Apple/iPhone 15", "Apple/iPad (10th generation)"],
  Android: ["Samsung/Galaxy S24", "Google/Pixel 8"],
};
const versions = {
  Windows: ["10.0.26100.4652", "10.0.22631.5624", "10.0.19045.6093"],
  macOS: ["15.5", "14.7.6"],
  iOS: ["18.5", "17.7.8"],
  Android: ["15", "14"],
};
const complianceStates = ["compliant", "noncompliant", "inGracePeriod", "unknown"];
const groupTags = ["OFFICE", "KIOSK", "SHARED", "FIELD"];

/** One of a list, chosen by the device's chance. */
function choose(tenant: Tenant, index: number, question: number, from: readonly string[]): string {
  return from[hash32(tenant.fleet.seed, index, question) % from.length] ?? "";
}

/** `LON-W-004217`: site, platform, number. A touched device carries its revision behind it. */
export function deviceName(tenant: Tenant, index: number): string {
  const site = choose(tenant, index, chanceOf.site, sites);
  const revision = tenant.fleet.revision(index);
  const number = String(index + 1).padStart(6, "0");
  const name = `${site}-${tenant.fleet.profile(index).letter}-${number}`;
  return revision === 0 ? name : `${name}-R${revision}`;
}

/** The serial number: ten characters, unique within the tenant in practice. */
export function serialNumber(tenant: Tenant, index: number): string {
  const high = hash32(tenant.fleet.seed, index, chanceOf.serial).toString(36).toUpperCase();
  return `${high.padStart(7, "0")}${(index % 46_656).toString(36).toUpperCase().padStart(3, "0")}`;
}

/** The maker and the model. */
export function hardwareOf(tenant: Tenant, index: number): readonly [maker: string, model: string] {
  const known = hardware[tenant.fleet.profile(index).operatingSystem];
  const [maker = "", model = ""] = choose(tenant, index, chanceOf.model, known).split("/");
  return [maker, model];
}

/** The version of the operating system. */
export function osVersion(tenant: Tenant, index: number): string {
  const known = versions[tenant.fleet.profile(index).operatingSystem];
  return choose(tenant, index, chanceOf.osVersion, known);
}

/** Nine in ten are compliant. A touched device may have moved to another state. */
export function complianceState(tenant: Tenant, index: number): string {
  const { seed, revision } = tenant.fleet;
  if (fraction(seed, index + revision(index), chanceOf.compliance) < 0.9) return "compliant";
  return choose(tenant, index + revision(index), chanceOf.compliance, complianceStates.slice(1));
}

/** The number of the device's user; about nine users have ten devices between them. */
export const userOf = (index: number): number => Math.floor(index * 0.9);

/** The user's sign-in name. */
export function userPrincipalName(tenant: Tenant, index: number): string {
  return `user${String(userOf(index) + 1).padStart(6, "0")}@${tenant.domain}`;
}

/** When the device was enrolled, in ms: between one and three years before the tenant was made. */
export function enrolledAt(tenant: Tenant, index: number): number {
  const days = 365 + Math.floor(fraction(tenant.fleet.seed, index, chanceOf.enrolled) * 730);
  return Math.floor(tenant.fleet.createdAt / 1000) * 1000 - days * 86_400_000;
}

/** The Autopilot group tag, an empty text for a registered device without one, or undefined for others. */
export function groupTag(tenant: Tenant, index: number): string | undefined {
  if (tenant.fleet.profile(index).operatingSystem !== "Windows") return undefined;
  if (fraction(tenant.fleet.seed, index, chanceOf.autopilot) >= 0.4) return undefined;
  const tagged = fraction(tenant.fleet.seed, index, chanceOf.groupTag) < 0.75;
  return tagged ? choose(tenant, index, chanceOf.groupTag, groupTags) : "";
}

/** A moment as Graph writes it. */
export const graphTime = (at: number): string => new Date(at).toISOString();
