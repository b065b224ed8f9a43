/** The environment a worker sees, and the id of the host. */
import { createHash } from "node:crypto";
import { hostname } from "node:os";

type Env = Readonly<Record<string, string>>;

/** What the Functions host and its local tools set for a Node worker, beneath the app's own settings. */
export const workerEnv = (appDir: string, port: number, settings: Env): Env => ({
  FUNCTIONS_WORKER_RUNTIME: "node",
  FUNCTIONS_WORKER_DIRECTORY: import.meta.dirname,
  FUNCTIONS_APPLICATION_DIRECTORY: appDir,
  FUNCTIONS_EXTENSION_VERSION: "~4",
  AzureWebJobsScriptRoot: appDir,
  AZURE_FUNCTIONS_ENVIRONMENT: "Development",
  WEBSITE_HOSTNAME: `localhost:${port}`,
  ...settings,
});

/**
 * Names this host among all that share a storage account: locks and timer states lie under it.
 * Two apps with one id would take each other's timers.
 */
export function hostIdOf(appDir: string, settings: Env): string {
  const chosen = settings["AzureFunctionsWebHost__hostid"];
  if (chosen) return chosen.toLowerCase();
  const machine = hostname()
    .toLowerCase()
    .replace(/[^a-z\d]+/g, "-")
    .replace(/^-|-$/g, "");
  const place = createHash("sha256").update(appDir).digest("hex").slice(0, 10);
  return `${machine.slice(0, 21)}-${place}`;
}
