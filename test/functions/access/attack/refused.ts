/** What a refused caller is told, and what log and audit trail keep of it. */
import { expect } from "vitest";
import type { AuditEvent } from "../../../../shared/access/audit/records.ts";
import type { Answer, AttackApp, Raw } from "./app.ts";

/** Where the requests come from. */
export const address = "203.0.113.7";
/** A request from there. */
export const from = (token?: string): Pick<Raw, "token" | "headers"> => ({
  ...(token === undefined ? {} : { token }),
  headers: [["x-forwarded-for", `10.0.0.1, ${address}:4711`]],
});

/** What the audit trail has about the request of an answer. */
export async function eventOf(
  app: AttackApp,
  { headers }: Answer,
): Promise<AuditEvent | undefined> {
  const { body } = await app.admin("GET", "/api/v1/audit?outcome=refused&top=200");
  const events = body["value"] as AuditEvent[];
  return events.find(({ requestId }) => requestId === headers["x-request-id"]);
}

/** What the log has about it. */
export const lineOf = (app: AttackApp, { headers }: Answer): string | undefined =>
  app.lines.find(
    (line) => line.includes("request.refuse") && line.includes(headers["x-request-id"] ?? "?"),
  );

/** Everything that a refused stranger may be told: how to sign in, and nothing of what was wrong but age. */
const words = [
  "Send Authorization: Bearer with an access token for this API. Sign in to get one: npm run --silent sign-in prints it.",
  "The access token has expired. Sign in again for a new one: npm run --silent sign-in prints it.",
  "The access token is not one for this API. Sign in for the scope of this API, in a directory that it serves: npm run --silent sign-in prints such a token.",
  "The access token is genuine, but carries no permission for this API. Ask for its scope, or have its app role assigned.",
];

/** Refused as a stranger, without a helpful word, and with the step in log and trail. */
export async function expectRefused(app: AttackApp, answer: Answer, step: string): Promise<void> {
  const status = step === "consent" ? 403 : 401;
  expect(answer.status).toBe(status);
  expect(answer.headers["content-type"]).toBe("application/problem+json");
  expect(answer.headers["www-authenticate"]).toBe(
    status === 401 ? 'Bearer realm="muster"' : undefined,
  );
  const code = status === 401 ? "unauthenticated" : "forbidden";
  expect(Object.keys(answer.body)).toEqual([
    "type",
    "title",
    "status",
    "code",
    "detail",
    "instance",
  ]);
  expect(answer.body).toMatchObject({ status, code });
  expect(words).toContain(answer.body["detail"]);
  expect(lineOf(app, answer)).toContain(`"step":"${step}"`);
  expect(await eventOf(app, answer)).toMatchObject({
    actor: { kind: "anonymous", id: "" },
    ip: address,
    outcome: "refused",
    step,
  });
}
