/** An app token of the sandbox, for the twins that Muster is compared with. */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import type { Surroundings } from "./surroundings.ts";

/** Signs in as the app, the way its documentation says: client credentials. */
export function appToken(
  { authorityUrl, caFile, clientId, clientSecret, graphUrl }: Surroundings["sandbox"],
  tenantId: string,
): Promise<string> {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    scope: `${graphUrl}/.default`,
  });
  return new Promise((resolve, reject) => {
    const asking = request(
      `${authorityUrl}/${tenantId}/oauth2/v2.0/token`,
      {
        method: "POST",
        ca: readFileSync(caFile),
        headers: { "content-type": "application/x-www-form-urlencoded" },
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        answer.on("end", () => {
          const { access_token: token } = JSON.parse(text) as { access_token?: string };
          if (token === undefined) reject(new Error(`no token: ${text}`));
          else resolve(token);
        });
      },
    );
    asking.on("error", reject);
    asking.end(form.toString());
  });
}
