/** Muster's HTTP API, as far as a relay uses it. */
import type { Outcome, Work } from "./claim.ts";
import { parsed, recordOf } from "./transport.ts";

/** A message from the site's queue: the rows in which something waits. */
export type Errand = {
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
};

/** Muster cannot be asked now; `gone`: what was asked about is not there any more. */
export class MusterTrouble extends Error {
  readonly gone: boolean;
  constructor(message: string, gone = false) {
    super(message);
    this.gone = gone;
  }
}

/** Muster's API for one site. */
export type Muster = ReturnType<typeof musterApi>;

const timeoutMs = 60_000;

/** Where Muster is, and for which site we speak. */
export type MusterAddress = {
  readonly url: string;
  readonly token: string;
  readonly tenantId: string;
  readonly siteCode: string;
};

/** Speaks to Muster for one site of one tenant. @throws MusterTrouble when it cannot be asked. */
export function musterApi(address: MusterAddress) {
  const ask = askerOf(address);
  return {
    /** Claims what waits in some rows; undefined when nothing does. */
    claim: async (errand: Errand): Promise<GivenWork | undefined> =>
      (await ask("POST", "/claims", errand)) as GivenWork | undefined,
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
    /** Says that an inventory is whole; true when a refresh takes it in that began after that. */
    complete: async (inventoryId: string, parts: number): Promise<boolean> => {
      const answer = await ask("POST", `/inventories/${inventoryId}/complete`, { parts });
      return (answer as { included: boolean }).included;
    },
  };
}

function askerOf({ url, token, tenantId, siteCode }: MusterAddress) {
  const base = `${url}/api/v1/tenants/${tenantId}/sites/${siteCode}`;
  return async (method: string, path: string, body: unknown): Promise<unknown> => {
    const { status, text } = await send(base + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const content = parsed(text);
    if (status >= 200 && status < 300) return content;
    const { code, detail } = recordOf(content);
    const gone = code === "unknown-notification" || code === "unknown-tenant";
    throw new MusterTrouble(`Muster answers ${status} ${String(code)}: ${String(detail)}`, gone);
  };
}

async function send(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const answer = await fetch(url, init);
    return { status: answer.status, text: await answer.text() };
  } catch (cause) {
    throw new MusterTrouble(`Muster does not answer: ${String(cause)}`);
  }
}
