/** The way to AdminService that the settings name. */

import type { Settings } from "../base/settings.ts";
import { curlTransport } from "./curl-transport.ts";
import { fetchTransport } from "./fetch-transport.ts";
import { paced, type Transport } from "./transport.ts";

/** Makes the transport, at the pace of the settings. */
export function transportOf({
  url,
  auth,
  timeoutMs,
  requestsPerSecond,
}: Settings["site"]): Transport {
  const transport =
    auth.kind === "negotiate"
      ? curlTransport(url, auth.curl, timeoutMs)
      : fetchTransport(url, auth, timeoutMs);
  return paced(transport, requestsPerSecond);
}
