/**
 * One Muster a folder. The lock file names the owner's process and a port the owner listens on: the
 * port tells a living owner from another process that was given a dead owner's number.
 */

import { randomBytes } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { keptText, narrowTree, ownerOnly, ownFolder } from "../kept-file.ts";

type Owner = { readonly pid: number; readonly port: number };

/**
 * Takes the folder for this process; the lock of a dead owner is taken over.
 * @returns What gives the folder back.
 * @throws One line for people when another Muster runs in it.
 */
export async function lockHome(home: string): Promise<() => void> {
  ownFolder(home);
  const path = join(home, "instance.lock");
  const { server, port } = await listen();
  // A link appears with its content, so nobody ever reads half an owner.
  const draft = join(home, `instance.${process.pid}.tmp`);
  writeFileSync(draft, JSON.stringify({ pid: process.pid, port } satisfies Owner), {
    mode: ownerOnly,
  });
  try {
    const owner = readOwner(path);
    if (owner && (await answers(owner.port))) {
      throw new Error(`Another Muster (process ${owner.pid}) is running in ${home}.`);
    }
    rmSync(path, { force: true });
    linkSync(draft, path);
  } catch (cause) {
    server.close();
    throw cause;
  } finally {
    rmSync(draft, { force: true });
  }
  try {
    narrowTree(home);
  } catch (cause) {
    server.close();
    rmSync(path, { force: true });
    throw cause;
  }
  return () => {
    server.close();
    rmSync(path, { force: true });
  };
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}

function listen(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ server, port: typeof address === "object" && address ? address.port : 0 });
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
  });
}

// Secrets of this machine, made once and kept where only their owner can read them.

/** The secret of that name in `home/keys`: 32 random bytes as base64url text, made on first use. */
export function keptKey(home: string, name: string): string {
  const folder = join(home, "keys");
  ownFolder(folder);
  return keptText(join(folder, name), () => randomBytes(32).toString("base64url"));
}

// Network ports of this machine.

/** A port that nobody listened to a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Whether something already listens on `port` of the loopback interface. */
export function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(true));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(false)));
  });
}
