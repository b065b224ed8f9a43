/** The console's texts, without a browser: both languages have the same ones, each is used, and each can be shown. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import { describe, expect, test } from "vitest";

const folder = fileURLToPath(new URL("../../console/", import.meta.url));
const read = (path: string): string => readFileSync(folder + path, "utf8");
const catalogue = (path: string): Record<string, string> => JSON.parse(read(path));

const sources = globSync("**/*.{ts,tsx}", { cwd: folder }).map(read).join("\n");
/** Ids as they stand in the code; `${...}` stands for any part of one. */
const named = Array.from(sources.matchAll(/["`]([a-z]\w*\.[\w.${}()[\]]+)["`]/g), ([, id = ""]) =>
  RegExp(`^${id.replaceAll(".", "\\.").replaceAll(/\$\{.*?\}/g, "\\w+")}$`),
);

/** Names of values in a message, as `{count, plural, ...}` and `{name}` have them. */
function valuesIn(message: unknown): string[] {
  if (!Array.isArray(message)) return [];
  const names = message.flatMap((part: unknown) => {
    if (!Array.isArray(part)) return [];
    const [name, , options] = part as [string, string?, Record<string, unknown>?];
    const inner = typeof options === "object" ? Object.values(options).flatMap(valuesIn) : [];
    return [name, ...inner];
  });
  return [...new Set(names)].toSorted();
}

const valuesById = (texts: Record<string, string>) =>
  Object.entries(texts).map(([id, text]) => [id, valuesIn(compileMessage(text))]);

const rooms = globSync("*/en.json", { cwd: folder }).map((path) => path.split(/[/\\]/)[0] ?? "");

test("the rooms that have texts are found", () => {
  expect(rooms).toContain("text");
});

describe.each(rooms)("%s", (room) => {
  const [en, fr] = [catalogue(`${room}/en.json`), catalogue(`${room}/fr.json`)];
  // Those that all rooms share are named after what they are for.
  const prefix = room === "text" ? /^(?:frame|problem|shared|state)\./ : RegExp(`^${room}\\.`);

  test("has the same texts in both languages, sorted by id", () => {
    expect(Object.keys(fr)).toEqual(Object.keys(en));
    expect(Object.keys(en)).toEqual(Object.keys(en).toSorted());
  });

  test("names its texts after itself", () => {
    expect(Object.keys(en).filter((id) => !prefix.test(id))).toEqual([]);
  });

  test("has no text that nothing shows", () => {
    const unused = Object.keys(en).filter((id) => !named.some((pattern) => pattern.test(id)));
    expect(unused).toEqual([]);
  });

  test("takes the same values in both languages", () => {
    expect(valuesById(fr)).toEqual(valuesById(en));
    const texts = [...Object.values(en), ...Object.values(fr)];
    expect(texts.filter((text) => text.trim() !== text || text === "")).toEqual([]);
  });
});
