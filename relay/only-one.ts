/** Sees to it that one journal has one relay: two would both resume the same claims. */
import { createHash } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/**
 * Takes the folder for this process. The system lets go of it when the process ends, however it ends.
 * @returns What gives the folder back.
 * @throws When another process has it.
 */
export async function takeAlone(home: string): Promise<() => void> {
  mkdirSync(home, { recursive: true });
  const address = addressOf(resolve(home));
  const server = createServer((socket) => socket.destroy());
  if (!(await listens(server, address))) {
    if (await answers(address)) throw new Error(`Another relay is running with ${home}.`);
    // A socket that nobody answers was left by a process that was killed.
    rmSync(address, { force: true });
    if (!(await listens(server, address)))
      throw new Error(`Another relay is starting with ${home}.`);
  }
  server.unref();
  return () => server.close();
}

/** Most characters that every system takes for a socket's path. */
const maxPath = 100;

function addressOf(home: string): string {
  const hash = createHash("sha256").update(home).digest("hex").slice(0, 16);
  if (process.platform === "win32") return `\\\\.\\pipe\\muster-relay-${hash}`;
  const beside = join(home, "relay.sock");
  return beside.length <= maxPath ? beside : join(tmpdir(), `muster-relay-${hash}.sock`);
}

function listens(server: Server, address: string): Promise<boolean> {
  return new Promise((done) => {
    const failed = (): void => done(false);
    server.once("error", failed);
    server.listen(address, () => {
      server.off("error", failed);
      done(true);
    });
  });
}

function answers(address: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}
