/**
 * Requests to AdminService as the account that the relay runs under, by Kerberos.
 *
 * Node has no Kerberos. curl has: on Windows, where it is part of the system, it signs in with the account of
 * its process (SSPI), a group managed service account included; elsewhere with the ticket cache (GSSAPI).
 */
import { spawn } from "node:child_process";
import { plainText } from "../../shared/kernel/outside-text.ts";
import { parsed, type SiteAnswer, type SiteRequest, type Transport } from "./transport.ts";

/** curl's exit codes for a request that never left: could not resolve, connect, or agree on TLS. */
const neverSent = new Set([5, 6, 7, 35, 60]);
/** What curl writes behind the body. */
const marker = "\nmuster-status:";

/** Makes each request with a curl process of its own. */
export const curlTransport =
  (base: string, curl: string, timeoutMs: number): Transport =>
  (request) =>
    new Promise((resolve) => {
      const child = spawn(curl, curlArguments(base, request, timeoutMs), {
        stdio: ["pipe", "pipe", "pipe"],
        windowsHide: true,
      });
      const out: Buffer[] = [];
      const complaint: Buffer[] = [];
      child.stdout.on("data", (part: Buffer) => out.push(part));
      child.stderr.on("data", (part: Buffer) => complaint.push(part));
      child.once("error", ({ message }) =>
        resolve({ kind: "lost", sent: false, why: `${curl} cannot be run: ${message}` }),
      );
      child.once("close", (code) =>
        resolve(answerOf(code ?? 1, textOf(out), textOf(complaint).trim())),
      );
      // A curl that ended before it read everything has said why by its exit code.
      child.stdin.on("error", () => undefined);
      child.stdin.end(request.body === undefined ? "" : JSON.stringify(request.body));
    });

function curlArguments(
  base: string,
  { method, path, body }: SiteRequest,
  timeoutMs: number,
): string[] {
  // Neither a configuration file of the account's nor a proxy of the machine's has a say in this.
  const own = ["--disable", "--noproxy", "*", "--globoff"];
  const json = ["--header", "Content-Type: application/json", "--data-binary", "@-"];
  // Whoever asks is the account of this process; no name or password is written anywhere.
  const account = ["--negotiate", "--user", ":"];
  const limits = ["--max-time", String(timeoutMs / 1000)];
  const asked = ["--request", method, "--header", "Accept: application/json"];
  const shown = ["--silent", "--show-error", "--write-out", `${marker}%{http_code}`];
  const carried = body === undefined ? [] : json;
  return [...own, ...shown, ...account, ...limits, ...asked, ...carried, new URL(base + path).href];
}

function answerOf(code: number, output: string, complaint: string): SiteAnswer {
  const at = output.lastIndexOf(marker);
  const status = Number(output.slice(at + marker.length));
  if (code !== 0 || at < 0 || !(status > 0))
    return {
      kind: "lost",
      sent: !neverSent.has(code),
      why: plainText(complaint, 300) || `curl ended with ${code}`,
    };
  return { kind: "answer", status, body: parsed(output.slice(0, at)) };
}

const textOf = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString("utf8");
