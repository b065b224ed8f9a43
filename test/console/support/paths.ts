/** Paths of all screens of the console, as their rooms declare them. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export const paths: readonly string[] = globSync("console/*/screens.ts", { cwd: root }).flatMap(
  (file) =>
    Array.from(
      readFileSync(root + file, "utf8").matchAll(/^ {2}path: "([^"]+)"/gm),
      ([, path = ""]) => path,
    ),
);
