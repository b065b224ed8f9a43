/** What an answer tells its caller, apart from what the caller said itself. */
import type { Answer } from "./app.ts";
import type { Ids } from "./inhabited.ts";

/** Differs between any two answers, and tells nothing. */
const passing = /^(date|x-request-id|x-ms-invocation-id|connection|keep-alive)$/;

/** Status, headers and text, with the ids that were asked for replaced by their names. */
export function said({ status, headers, text }: Answer, asked: Ids) {
  const kept = Object.entries(headers).filter(([name]) => !passing.test(name));
  const plain = (words: string): string =>
    Object.entries(asked)
      .filter(([name]) => name !== "part")
      .reduce((rest, [name, id]) => rest.replaceAll(id, `{${name}}`), words)
      .replaceAll(/urn:request:[0-9a-f-]{36}/g, "urn:request")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "{moment}");
  return {
    status,
    headers: Object.fromEntries(kept.map(([name, value]) => [name, plain(value)])),
    text: plain(text),
  };
}
