/**
 * Makes a folder's `node_modules` agree with its `package-lock.json`, through npm, and only when it does not
 * already. As a program it takes the folder: `node scripts/ensure-installed.mjs bench/bullmq`.
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
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json. */
export const root = fileURLToPath(new URL("..", import.meta.url));

const windows = process.platform === "win32";
const lockPath = join(root, ".muster", "install.lock");

/** The Node that package.json pins, as installed by the `node` package. */
export const pinnedNode = join(root, "node_modules", "node", "bin", windows ? "node.exe" : "node");

/** Installs what the lockfile says unless it is there already. Throws with one line for people. */
export async function ensureInstalled(folder = root) {
  if (isInstalled(folder)) return;
  const unlock = await lock();
  try {
    // Another process may have done it while this one waited.
    if (!isInstalled(folder)) install(folder);
  } finally {
    unlock();
  }
}

/** What npm writes last of all: where it is missing, nothing or only half is installed. */
const recordOf = (folder) => join(folder, "node_modules", ".package-lock.json");

/** Packages for other platforms are optional, and absent from npm's record. */
function isInstalled(folder) {
  const wanted = packagesOf(join(folder, "package-lock.json"));
  const present = packagesOf(recordOf(folder));
  if (!wanted || !present || (folder === root && !existsSync(pinnedNode))) return false;
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
 * `npm ci` where nothing whole is installed. Otherwise in place: a Muster that runs from these packages loads
 * some of them late, and Windows lets nobody remove the Node that runs it, so `npm ci`, which begins by
 * emptying the folder, would break the one and fail on the other.
 */
function install(folder) {
  console.error("Installing the packages of package-lock.json ...");
  const whole = existsSync(recordOf(folder));
  // Should this be interrupted, the next one begins from nothing.
  rmSync(recordOf(folder), { force: true });
  // The engines that packages ask for are those of the pinned Node, not of the one that installs it.
  const args = [
    ...(whole ? ["install", "--no-save"] : ["ci"]),
    "--include=dev",
    "--engine-strict=false",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  const npm = process.env.npm_execpath;
  const options = { cwd: folder, stdio: ["ignore", 2, 2] };
  const done = npm
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync("npm", args, { ...options, shell: windows });
  if (done.status !== 0) throw new Error("The installation failed: see npm's message above.");
  if (folder === root && !existsSync(pinnedNode)) {
    throw new Error(
      "The pinned Node is missing because install scripts are turned off: run `npm rebuild node --ignore-scripts=false`.",
    );
  }
  if (!isInstalled(folder))
    throw new Error("npm installed something else than package-lock.json says.");
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

// Where Node is older than this question, this file is always imported.
if (import.meta.main) {
  try {
    await ensureInstalled(resolve(process.argv[2] ?? root));
  } catch (cause) {
    console.error(cause.message);
    process.exitCode = 1;
  }
}
