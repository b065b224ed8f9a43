/** Muster's HTTP API, as far as a relay uses it. */
import type { Outcome, Work } from "../base/claim.ts";
import type { Ask } from "./ask.ts";

/** A message from the site's queue: the rows in which something waits. */
export type ClaimRequest = {
  readonly notificationId: string;
  readonly from: string;
  readonly to: string;
};

/** What Muster answers to a claim. */
export type GivenWork = Work & { readonly more: boolean };

/** A device with what became of it. */
export type Result = Outcome & { readonly deviceId: string };

/** A device as it is handed in. */
export type InventoryDevice = {
  readonly resourceId: number;
  readonly name: string;
  readonly operatingSystem?: string;
  readonly osVersion?: string;
  readonly entraDeviceId?: string;
  readonly userPrincipalName?: string;
  /** False: no client runs on it. */
  readonly client?: boolean;
};

/** Muster's API for one site. */
export type Muster = ReturnType<typeof musterApi>;

/** Speaks to Muster for one site of one tenant, as one relay. @throws MusterTrouble when it cannot be asked. */
export const musterApi = (ask: Ask, relayId: string) => ({
  /** Takes the site for so long, or keeps it; answers the number of our term. */
  lease: async (seconds: number): Promise<number> => {
    const answer = await ask("POST", "/lease", { relayId, seconds });
    return (answer as { term: number }).term;
  },
  /** Claims what waits in some rows; undefined when nothing does. */
  claim: async (request: ClaimRequest, mark: number): Promise<GivenWork | undefined> =>
    (await ask("POST", "/claims", { ...request, relayId, mark })) as GivenWork | undefined,
  /** Says what became of devices of a claim. */
  report: async (
    { notificationId, claimId }: Pick<Work, "notificationId" | "claimId">,
    results: readonly Result[],
  ): Promise<void> => {
    await ask("POST", "/results", { notificationId, claimId, results });
  },
  /** Hands in a part of an inventory. */
  putPart: async (
    inventoryId: string,
    part: number,
    devices: readonly InventoryDevice[],
  ): Promise<void> => {
    await ask("PUT", `/inventories/${inventoryId}/parts/${part}`, { devices });
  },
  /**
   * Says that an inventory is whole, and how few devices the operator believes; true when a refresh takes it in that
   * began after that.
   */
  complete: async (
    inventoryId: string,
    parts: number,
    confirmDevices: number | undefined,
  ): Promise<boolean> => {
    const confirmed = confirmDevices === undefined ? {} : { confirmDevices };
    const body = { parts, ...confirmed };
    const answer = await ask("POST", `/inventories/${inventoryId}/complete`, body);
    return (answer as { included: boolean }).included;
  },
});
