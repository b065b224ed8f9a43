/** Which devices of a tenant the caller of a request reaches. */
import { signedInOf } from "../shared/access/signed-in.ts";
import { type Reach, reachOf } from "../shared/devices/reach.ts";
import type { Tools } from "./define.ts";

/** The caller's reach in a tenant; undefined: every device. */
export const reachOfCaller = (tools: Tools, tenantId: string): Promise<Reach | undefined> =>
  reachOf(tools.services.collecting, tenantId, signedInOf(tools).authorization.limits);
