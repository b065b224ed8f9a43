/** Why a sign-in came to nothing, in one line for the person in front of the terminal. */

/** MSAL's codes, and the OAuth errors that it passes on in its message. */
const words: readonly (readonly [sign: string, line: string])[] = [
  ["authorization_declined", "The sign-in was cancelled in the browser."],
  ["access_denied", "Your organization does not allow this sign-in."],
  ["device_code_expired", "The code has expired before anybody signed in. Try again."],
  ["expired_token", "The code has expired before anybody signed in. Try again."],
  [
    "invalid_client",
    "Allow public client flows in the registration of the app that you sign in with.",
  ],
  ["slow_down", "The sign-in service asks for patience. Try again in a minute."],
  [
    "endpoints_resolution_error",
    "does not answer, shows a certificate that nobody trusts, or does not know the tenant.",
  ],
  [
    "openid_config_error",
    "does not answer, shows a certificate that nobody trusts, or does not know the tenant.",
  ],
  ["network_error", "does not answer."],
  ["no_network_connectivity", "does not answer."],
];

/** The line. `authority` is where somebody wanted to sign in. */
export function complaintOf(cause: unknown, authority: string): string {
  const { errorCode = "", message = String(cause) } = cause as Partial<
    Readonly<Record<"errorCode" | "message", string>>
  >;
  const found = words.find(([sign]) => errorCode === sign || message.includes(sign));
  if (found === undefined) return `The sign-in failed: ${oneLine(message)}`;
  const [, line] = found;
  return line.startsWith("does") ? `${authority} ${line}` : line;
}

/** Entra's descriptions end with ids and times, on lines of their own. */
const oneLine = (text: string): string => text.split(/\r?\n| Trace ID:/)[0] ?? text;
