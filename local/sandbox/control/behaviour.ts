/** Showing and setting how the stand-in misbehaves. */
import { readBehaviourChange } from "../behaviour.ts";
import { restartChance } from "../fleet/tenants.ts";
import { approvalStatuses } from "../graph/approvals.ts";
import { findTenant } from "../state.ts";
import { type ControlHandler, missing, refuse } from "./call.ts";

/** `GET /_sandbox/behaviour`: what applies to everybody, and each tenant's own settings. */
export const showBehaviour: ControlHandler = ({ state }) => ({
  status: 200,
  body: { everybody: state.behaviour.everybody(), tenants: state.behaviour.tenants() },
});

/** `PUT /_sandbox/behaviour`: sets what is named, for one tenant or for everybody; null resets. */
export const changeBehaviour: ControlHandler = ({ state, body }) => {
  const { tenantId, ...settings } = body;
  if (tenantId !== undefined && tenantId !== null && typeof tenantId !== "string") {
    return refuse('"tenantId" must be a string');
  }
  const tenant = typeof tenantId === "string" ? findTenant(state, tenantId) : undefined;
  if (typeof tenantId === "string" && tenant === undefined) {
    return missing(`there is no tenant ${tenantId}`);
  }
  const change = readBehaviourChange(settings);
  if (change.kind === "wrong") return refuse(change.reason);
  state.behaviour.change(tenant?.id, change);
  const { seed } = change.set;
  if (seed !== undefined) {
    const concerned = tenant === undefined ? [...state.tenants.values()] : [tenant];
    for (const each of concerned) restartChance(each, seed);
  }
  const now = tenant === undefined ? state.behaviour.everybody() : state.behaviour.of(tenant.id);
  return { status: 200, body: now };
};

/** `DELETE /_sandbox/behaviour`: back to calm. */
export const resetBehaviour: ControlHandler = ({ state }) => {
  state.behaviour.calmDown();
  return { status: 204 };
};

// The writes that Intune would hold for a second administrator, and being that administrator.

/** `GET /_sandbox/held-writes`: each with its code and its status. */
export const showHeldWrites: ControlHandler = ({ state }) => ({
  status: 200,
  body: { value: [...state.heldWrites].map(([code, held]) => ({ code, ...held })) },
});

/** `PUT /_sandbox/held-writes/{code} {status}`: approves, rejects, cancels or lets it expire. */
export const decideHeldWrite: ControlHandler = ({ state, ids: [code = ""], body }) => {
  const held = state.heldWrites.get(code);
  if (held === undefined) return missing(`no write is held under ${code}`);
  const status = approvalStatuses.find((one) => one === body["status"]);
  if (status === undefined) return refuse(`"status" must be one of ${approvalStatuses.join(", ")}`);
  held.status = status;
  return { status: 200, body: { code, ...held } };
};
