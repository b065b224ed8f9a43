/** Runs the stand-in as a process: `node local/sandbox/main.ts --home <folder> [--port n] [--signin-port n]`. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startSandbox } from "./sandbox.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env["SANDBOX_PORT"] ?? "0" },
    "signin-port": { type: "string", default: process.env["SANDBOX_SIGNIN_PORT"] ?? "0" },
    home: {
      type: "string",
      default: process.env["SANDBOX_HOME"] ?? join(process.cwd(), ".muster", "sandbox"),
    },
  },
});

const sandbox = await startSandbox({
  port: Number(values.port),
  signInPort: Number(values["signin-port"]),
  home: values.home,
  log: (line) => console.error(line),
});
const { url, graphUrl, partnerCenterUrl, authorityUrl, caFile, clientId } = sandbox;
const { tenantId: homeTenantId, signInClientId, devicePage } = sandbox.home;
const signIn = { homeTenantId, signInClientId, devicePage };
// One line of JSON for whoever started this process; the secrets stay in their files.
const urls = { url, graphUrl, partnerCenterUrl, authorityUrl };
console.log(JSON.stringify({ ...urls, caFile, clientId, ...signIn }));

let stopping = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    void sandbox.stop().then(() => process.exit(0));
  });
}
