/** Showing the writes that Intune would hold for a second administrator, and being that administrator. */
import { type ControlHandler, missing, refuse } from "./call.ts";

/** `GET /_sandbox/held-writes`: each with its code and its status. */
export const showHeldWrites: ControlHandler = ({ state }) => ({
  status: 200,
  body: { value: [...state.heldWrites].map(([code, held]) => ({ code, ...held })) },
});

/** `PUT /_sandbox/held-writes/{code} {status}`: approves or rejects. */
export const decideHeldWrite: ControlHandler = ({ state, ids: [code = ""], body }) => {
  const held = state.heldWrites.get(code);
  if (held === undefined) return missing(`no write is held under ${code}`);
  const { status } = body;
  if (status !== "approved" && status !== "rejected")
    return refuse('"status" must be approved or rejected');
  held.status = status;
  return { status: 200, body: { code, ...held } };
};
