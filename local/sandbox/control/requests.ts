/** Showing and resetting the counts of Graph requests. */
import type { ControlHandler } from "./call.ts";

/** `GET /_sandbox/requests`. */
export const showRequests: ControlHandler = ({ state }) => ({
  status: 200,
  body: state.requests.read(),
});

/** `DELETE /_sandbox/requests`. */
export const resetRequests: ControlHandler = ({ state }) => {
  state.requests.reset();
  return { status: 204 };
};
