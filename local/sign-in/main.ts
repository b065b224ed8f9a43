/**
 * `npm run --silent sign-in`: what to do goes to the terminal, the access token to the standard output,
 * so that TOKEN=$(npm run --silent sign-in) works.
 */
import { fileURLToPath } from "node:url";
import { readStartSettings } from "../start/settings.ts";
import { complaintOf } from "./complaint.ts";
import { signIn } from "./device-code.ts";
import { findPlace } from "./place.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** As shells have it: 128 and the number of SIGINT. */
const interrupted = 130;

function end(line: string, code: number): never {
  console.error(line);
  process.exit(code);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.once(signal, () => end("The sign-in was cancelled.", interrupted));

let authority = "";
try {
  const { home } = readStartSettings({ MUSTER_HOME: process.env["MUSTER_HOME"] }, root);
  const place = findPlace(process.env, home);
  ({ authority } = place);
  console.log(await signIn(place, (message) => console.error(message)));
} catch (cause) {
  end(authority === "" ? (cause as Error).message : complaintOf(cause, authority), 1);
}
