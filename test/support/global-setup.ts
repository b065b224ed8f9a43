/** Once per test run: an Azurite in memory for each place of the pool, and an up-to-date `dist/`. */
import { existsSync } from "node:fs";
import type { TestProject } from "vitest/node";
import { startAzurite } from "../../local/start/azurite.ts";
import { ensureBuilt, entryPoint } from "../../scripts/build.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly storageConnectionStrings: readonly string[];
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const places = Array.from({ length: project.config.maxWorkers });
  const [azurites] = await Promise.all([
    Promise.all(places.map(() => startAzurite({}))),
    existsSync(entryPoint) && ensureBuilt(),
  ]);
  const strings = azurites.map(({ connectionString }) => connectionString);
  project.provide("storageConnectionStrings", strings);
  return async () => {
    await Promise.all(azurites.map(({ stop }) => stop()));
  };
}
