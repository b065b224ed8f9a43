/** Calls Muster's API as the bootstrap administrator. */
import type { MusterServer } from "./muster-server.ts";

/** Makes calls with a token. */
export const callerOf =
  (url: string, token: string): MusterServer["call"] =>
  async (method, path, body) => {
    const answered = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answered.text();
    return { status: answered.status, body: text === "" ? undefined : JSON.parse(text) };
  };
