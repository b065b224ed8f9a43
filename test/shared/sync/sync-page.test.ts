/** The tables of docs/sync.md say what the lifecycle and the catalogue say. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  configurationTypes,
  requiredPermissions,
} from "../../../shared/sync/catalogue/catalogue.ts";
import type { ConfigurationType } from "../../../shared/sync/catalogue/configuration-type.ts";
import {
  eventsIn,
  type SyncStatus,
  syncLifecycle,
  syncStatuses,
} from "../../../shared/sync/state/lifecycle.ts";

const page = readFileSync(new URL("../../../docs/sync.md", import.meta.url), "utf8");

/** The rows of the table below a heading, cell by cell, without the row of names and the rule. */
function tableBelow(heading: string): string[][] {
  const [, text = ""] = page.split(`\n## ${heading}\n`);
  const [section = ""] = text.split("\n## ");
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const nameOf = (status: SyncStatus): string => syncStatuses[status].en;

function leadsWhere(status: SyncStatus): string {
  const led = Map.groupBy(eventsIn(status), (event) => syncLifecycle[status][event] ?? "resting");
  return [...led]
    .map(([to, events]) => {
      const target = to === "resting" ? "as before" : nameOf(to);
      return `${events.map((event) => `\`${event}\``).join(", ")} → ${target}`;
    })
    .join("; ");
}

test("the page's statuses are those of the lifecycle, in both languages and with all that leads on", () => {
  const rows = tableBelow("Statuses").map(([en, fr, name, , leads]) => [en, fr, name, leads]);
  expect(rows).toEqual(
    (Object.keys(syncStatuses) as SyncStatus[]).map((status) => [
      nameOf(status),
      syncStatuses[status].fr,
      `\`${status}\``,
      leadsWhere(status),
    ]),
  );
});

const needs = (type: ConfigurationType, mode: "read" | "write"): string[] =>
  requiredPermissions([type], mode).map(({ name }) => `\`${name}\``);

function toWrite(type: ConfigurationType): string {
  if (!type.isWritten) return "read only";
  const reading = new Set(needs(type, "read"));
  const more = needs(type, "write").filter((name) => !reading.has(name));
  return `${more.join(", ")}${type.writtenBy === "user" ? " (a person)" : ""}`;
}

test("the page's types are those of the catalogue, with the permissions that each needs", () => {
  const rows = tableBelow("Types");
  expect(rows).toEqual(
    configurationTypes
      .toSorted((a, b) => Number(b.isWritten) - Number(a.isWritten))
      .map((type) => [
        `\`${type.key}\``,
        type.names.en,
        `${needs(type, "read").join(", ")}${type.readBy === "user" ? " (a person)" : ""}`,
        toWrite(type),
      ]),
  );
});
