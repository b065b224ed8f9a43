import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerClient } from "@azure/storage-blob";
import { expect, test } from "vitest";
import { pagesOf, sealerOf } from "../../functions/services-access.ts";
import { readSettings } from "../../functions/settings.ts";
import { systemClock } from "../../shared/kernel/clock.ts";
import { Blobs } from "../../shared/storage/blobs.ts";
import { passThrough } from "../../shared/storage/calls.ts";
import { storageConnectionString } from "../support/azurite.ts";
import { adminToken } from "./support/tools.ts";

test("an app without a secret opens the paging tokens of its other instances, and no others", async () => {
  const folder = await mkdtemp(join(tmpdir(), "muster-pages-"));
  const container = new ContainerClient(storageConnectionString(), `pages-${Date.now()}`);
  const blobs = new Blobs(container, passThrough);
  const settings = readSettings({
    AzureWebJobsStorage: storageConnectionString(),
    MUSTER_ADMIN_TOKEN: adminToken,
    MUSTER_GRAPH_URL: "https://graph.invalid",
    MUSTER_AUTHORITY_URL: "https://sign-in.invalid",
    MUSTER_CLIENT_ID: "app",
    MUSTER_CLIENT_IDENTITY_ID: "0a0a0a0a-1111-4222-8333-444444444444",
    MUSTER_KEY_FILE: join(folder, "keys.json"),
  });
  const instance = async () =>
    pagesOf(settings, { blobs, sealer: await sealerOf(settings, systemClock) })();
  const [one, other] = await Promise.all([instance(), instance()]);
  const token = Buffer.from("a position").toString("base64url");
  expect(other.open(one.close(token))).toBe(token);
  const secret = { kind: "secret", clientSecret: "app" } as const;
  const stranger = await pagesOf(
    { ...settings, credential: secret },
    { blobs, sealer: undefined },
  )();
  expect(stranger.open(one.close(token))).toBeUndefined();
  await container.delete();
  await rm(folder, { recursive: true });
});
