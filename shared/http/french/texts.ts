/**
 * What the API says in English, and the same in French: details of problems, reasons, findings, remedies. A file of this
 * folder has the texts of a few rooms, as JSON, so that a translator can work on it; `{0}`, `{1}` and so on are the places of
 * values. Why texts are found again by their words: docs/decisions/0065-texts-in-french.md. A test holds that no text is
 * missing, and that none is here that nobody says.
 *
 * Nobody imports this at the start of a process: it is a tenth of a megabyte.
 */
import access from "./access.json" with { type: "json" };
import devices from "./devices.json" with { type: "json" };
import provisioning from "./provisioning.json" with { type: "json" };
import registration from "./registration.json" with { type: "json" };
import requests from "./requests.json" with { type: "json" };
import signIn from "./sign-in.json" with { type: "json" };
import sync from "./sync.json" with { type: "json" };

const files: readonly Readonly<Record<string, string>>[] = [
  requests,
  signIn,
  access,
  devices,
  provisioning,
  registration,
  sync,
];

/** Every text once, in both languages. */
export const french = Object.entries(Object.assign({}, ...files) as Record<string, string>).map(
  ([en, fr]) => ({ en, fr }),
);
