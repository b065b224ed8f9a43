/**
 * Makes `node_modules` agree with `package-lock.json`, through npm, and only when it does not already.
 *
 * Runs on the machine's own Node (20 or later) before anything is installed: Node built-ins only.
 */
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json. */
export const root = fileURLToPath(new URL("..", import.meta.url));

const windows = process.platform === "win32";
const lockPath = join(root, ".muster", "install.lock");

/** The Node that package.json pins, as installed by the `node` package. */
export const pinnedNode = join(root, "node_modules", "node", "bin", windows ? "node.exe" : "node");

/** Installs what the lockfile says unless it is there already. Throws with one line for people. */
export async function ensureInstalled() {
  if (isInstalled()) return;
  const unlock = await lock();
  try {
    // Another process may have done it while this one waited.
    if (!isInstalled()) install();
  } finally {
    unlock();
  }
}

/**
 * npm writes node_modules/.package-lock.json last, so an interrupted install does not look whole.
 * Packages for other platforms are optional and absent from it.
 */
function isInstalled() {
  const wanted = packagesOf(join(root, "package-lock.json"));
  const present = packagesOf(join(root, "node_modules", ".package-lock.json"));
  if (!wanted || !present || !existsSync(pinnedNode)) return false;
  return Object.entries(wanted).every(([path, { version, integrity, ...entry }]) => {
    if (path === "") return true;
    const found = present[path];
    if (!found) return Boolean(entry.optional || entry.devOptional || entry.peer);
    return found.version === version && found.integrity === integrity;
  });
}

function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * Not `npm ci`: it refuses a lockfile that lacks optional packages of other platforms, and it empties
 * node_modules first, which Windows forbids while the Node inside it runs. What it guarantees, that
 * the lockfile's versions and hashes are what is installed, is checked afterwards instead.
 */
function install() {
  console.error("Installing the packages of package-lock.json ...");
  // Without npm's own record the folder is what an interrupted installation left behind.
  const modules = join(root, "node_modules");
  if (!packagesOf(join(modules, ".package-lock.json")))
    rmSync(modules, { recursive: true, force: true });
  const args = [
    "install",
    "--no-save",
    "--include=dev",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  const npm = process.env.npm_execpath;
  const options = { cwd: root, stdio: ["ignore", 2, 2] };
  const done = npm
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync("npm", args, { ...options, shell: windows });
  if (done.status !== 0) throw new Error("The installation failed: see npm's message above.");
  if (!existsSync(pinnedNode)) {
    throw new Error(
      "The pinned Node is missing because install scripts are turned off: run `npm rebuild node --ignore-scripts=false`.",
    );
  }
  if (!isInstalled()) throw new Error("npm installed something else than package-lock.json says.");
}

/** Waits for the right to install; a lock whose owner is dead is taken over. */
async function lock() {
  mkdirSync(join(root, ".muster"), { recursive: true });
  for (;;) {
    try {
      const file = openSync(lockPath, "wx");
      writeSync(file, String(process.pid));
      closeSync(file);
      return () => rmSync(lockPath, { force: true });
    } catch (cause) {
      if (cause.code !== "EEXIST") throw cause;
    }
    if (!(await ownerLives())) rmSync(lockPath, { force: true });
    await sleep(200);
  }
}

async function ownerLives() {
  let pid = readOwner();
  // Between creating the file and writing into it the owner is alive but not yet named.
  if (pid === 0) {
    await sleep(500);
    pid = readOwner();
  }
  if (pid === undefined) return true;
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return cause.code === "EPERM";
  }
}

const readOwner = () => (existsSync(lockPath) ? Number(readFileSync(lockPath, "utf8")) : undefined);
