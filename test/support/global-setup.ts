/** Once per test run: one Azurite in memory for everybody, and an up-to-date `dist/`. */
import { existsSync } from "node:fs";
import type { TestProject } from "vitest/node";
import { startAzurite } from "../../local/start/azurite.ts";
import { ensureBuilt, entryPoint } from "../../scripts/build.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly storageConnectionString: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [azurite] = await Promise.all([startAzurite({}), existsSync(entryPoint) && ensureBuilt()]);
  project.provide("storageConnectionString", azurite.connectionString);
  return azurite.stop;
}
