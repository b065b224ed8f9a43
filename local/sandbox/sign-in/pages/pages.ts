/** The pages that people see: plain HTML, for any browser and any screen reader, without a script. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { header } from "../../http/messages.ts";
import type { User } from "../entra/users.ts";

/** What a page asks. */
export type Question = {
  readonly users: readonly User[];
  /** Asks for the code of a device too; what was typed before, if anything. */
  readonly code?: string;
  /** Who wants the person signed in. */
  readonly appName?: string;
  /** What was wrong with the answer before. */
  readonly error?: string;
  readonly chosen?: string;
};

const style = `
  body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; background: Canvas; color: CanvasText; }
  main { max-width: 38rem; margin: 2rem auto; padding: 0 1rem; }
  fieldset { border: 1px solid GrayText; border-radius: .5rem; margin: 1.5rem 0; }
  label { display: block; padding: .35rem 0; }
  .account { font-size: .9rem; white-space: nowrap; }
  input[type=text] { font: inherit; letter-spacing: .15em; padding: .4rem; width: 14rem; }
  button { font: inherit; padding: .5rem 1.2rem; margin-right: .5rem; }
  [role=alert] { border-left: .3rem solid #c50f1f; padding: .3rem .8rem; }
`;

const standIn =
  "This page stands in for Microsoft's sign-in on this machine. It asks for no password: say who you want to be.";

/** Asks who somebody wants to be. */
export function questionPage({ users, code, appName, error, chosen }: Question): string {
  const choices = users.map((user) => choice(user, user.userName === chosen)).join("\n");
  return page(
    "Sign in",
    `<p>${standIn}</p>
${appName === undefined ? "" : `<p>You are signing in to <strong>${safe(appName)}</strong>.</p>`}
${error === undefined ? "" : `<p role="alert" id="error">${safe(error)}</p>`}
<form method="post">
${code === undefined ? "" : codeField(code, error !== undefined)}
<fieldset><legend>Who are you?</legend>
${choices}
</fieldset>
<button name="answer" value="sign-in">Sign in</button>
<button name="answer" value="cancel" formnovalidate>Cancel</button>
</form>`,
  );
}

/** Asks an administrator whether an app may have what it asks for. */
export const consentPage = (appName: string, permissions: readonly string[]): string =>
  page(
    "Permissions requested",
    `<p>This page stands in for Microsoft's on this machine.</p>
<p><strong>${safe(appName)}</strong> asks for these permissions in your whole organization:</p>
<ul>${permissions.map((one) => `<li>${safe(one)}</li>`).join("")}</ul>
<form method="post">
<button name="answer" value="accept">Accept</button>
<button name="answer" value="cancel">Cancel</button>
</form>`,
  );

/** Says that it is done. */
export const donePage = (text: string): string =>
  page("Sign in", `<p role="status">${safe(text)}</p>`);

/** Says that nothing can be done. */
export const failurePage = (text: string): string =>
  page("Sign-in failed", `<p role="alert">${safe(text)}</p>`);

function choice({ userName, name }: User, chosen: boolean): string {
  const value = safe(userName);
  return `<label><input type="radio" name="user" value="${value}" required${chosen ? " checked" : ""}> ${safe(name)} <span class="account">${value}</span></label>`;
}

const codeField = (code: string, wrong: boolean): string =>
  `<label for="code">Code that the app shows</label>
<input type="text" id="code" name="user_code" value="${safe(code)}" required autofocus autocomplete="off" autocapitalize="characters" spellcheck="false"${wrong ? ' aria-describedby="error"' : ""}>`;

const page = (title: string, body: string): string =>
  `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>${title} (stand-in)</title><style>${style}</style></head>
<body><main><h1>${title}</h1>
${body}
</main></body>
</html>
`;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const safe = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => entities[sign] ?? "");

// Sending a page: to browsers as HTML, to a terminal as the sentence that matters.

/** What browsers are told about our pages. */
const headers = {
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
};

/** Answers with a page; `text` is what a caller gets that does not ask for HTML. */
export function sendPage(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { readonly status: number; readonly html: string; readonly text: string },
): void {
  const wantsHtml = header(request, "accept")?.includes("text/html") === true;
  const type = wantsHtml ? "text/html" : "text/plain";
  response.writeHead(answer.status, { ...headers, "Content-Type": `${type}; charset=utf-8` });
  response.end(wantsHtml ? answer.html : `${answer.text}\n`);
}

/** Whether a form comes from another site than ours, which answers to two names. */
export function isForeign(request: IncomingMessage, ownOrigin: string): boolean {
  const origin = header(request, "origin");
  const names = [ownOrigin, ownOrigin.replace("127.0.0.1", "localhost")];
  return origin !== undefined && !names.includes(origin);
}
