/**
 * Devices that the partner has registered at Partner Center, by their serial numbers: Intune lists them among its own, and does
 * not say who registered a device.
 */
import { LRUCache } from "lru-cache";
import type { PartnerCenter } from "../../partner-center/client.ts";

/** Serial numbers; whether they are all. */
export type AtPartnerCenter = {
  readonly serials: ReadonlySet<string>;
  readonly isWhole: boolean;
};

/** It is believed so long; a no, such as that nobody has signed in, much shorter. */
const knownMs = 10 * 60_000;
const refusedMs = 30_000;
/** Requests for one customer: a hundred devices each. What lies behind stays unknown. */
const maxPages = 100;

/** Reads them, and keeps them for a while. */
export class PartnerDevices {
  readonly #partnerCenter: PartnerCenter | undefined;
  readonly #known = new LRUCache<string, { readonly found: AtPartnerCenter | undefined }>({
    max: 100,
  });

  constructor(partnerCenter: PartnerCenter | undefined) {
    this.#partnerCenter = partnerCenter;
  }

  /** Those of a customer; undefined where Partner Center does not tell. */
  async of(tenantId: string): Promise<AtPartnerCenter | undefined> {
    const known = this.#known.get(tenantId);
    if (known !== undefined) return known.found;
    const found = await this.#read(tenantId);
    const ttl = found === undefined ? refusedMs : knownMs;
    this.#known.set(tenantId, { found }, { ttl });
    return found;
  }

  async #read(tenantId: string): Promise<AtPartnerCenter | undefined> {
    const batches = await this.#partnerCenter?.batches(tenantId);
    if (this.#partnerCenter === undefined || batches?.kind !== "read") return undefined;
    const serials = new Set<string>();
    let pages = 0;
    for (const batchId of batches.value.keys()) {
      let token: string | undefined;
      do {
        if (pages === maxPages) return { serials, isWhole: false };
        pages += 1;
        const page = await this.#partnerCenter.devices(tenantId, batchId, token);
        if (page.kind !== "read") return { serials, isWhole: false };
        for (const serial of page.value.serialNumbers) serials.add(serial.toLowerCase());
        token = page.value.next;
      } while (token !== undefined);
    }
    return { serials, isWhole: true };
  }
}

/** Who registered a device. Pure. */
export function sourceOf(
  serialNumber: string,
  known: AtPartnerCenter | undefined,
): "partnerCenter" | "elsewhere" | "unknown" {
  if (known?.serials.has(serialNumber.toLowerCase())) return "partnerCenter";
  return known?.isWhole ? "elsewhere" : "unknown";
}
