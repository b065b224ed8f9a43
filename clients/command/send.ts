/** Sends an action to devices, or says what would happen. */
import type { CallInput } from "../api.ts";
import { type Asked, type Commands, exitCodes, heard, type Run, Stop } from "./asked.ts";
import { begun } from "./jobs.ts";
import { count, show, table } from "./print.ts";

const name = "POST /api/v1/tenants/{tenantId}/notifications";
type Body = CallInput<typeof name>["body"];

/** What it is sent to: said in exactly one way, so that nothing that was left out becomes "all". */
function targetIn({ options: { device, collection, all } }: Asked): Body["target"] {
  const targets: readonly (Body["target"] | false | undefined)[] = [
    device && { kind: "devices", deviceIds: device },
    collection !== undefined && { kind: "collection", collectionId: collection },
    all && { kind: "tenant" },
  ];
  const [target, ...others] = targets.filter((each) => typeof each === "object");
  if (target !== undefined && others.length === 0) return target;
  throw new Stop("Say what it is for: --device ID (again for more), --collection ID, or --all.");
}

/** `--parameter name=value`, as an object. */
const parametersIn = ({ options: { parameter = [] } }: Asked): Record<string, string> =>
  Object.fromEntries(
    parameter.map((text) => {
      const [, key, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
      if (key === undefined || value === undefined)
        throw new Stop(`--parameter takes name=value, not "${text}".`);
      return [key, value];
    }),
  );

const send: Run = async (asked) => {
  const { api, options, words } = asked;
  const [action = ""] = words;
  const body: Body = {
    action,
    target: targetIn(asked),
    ...(options.parameter && { parameters: parametersIn(asked) }),
    ...(options.approximate && { allowApproximate: true }),
    ...(options.expires !== undefined && { expiresAfter: options.expires }),
    ...(options.note !== undefined && { note: options.note }),
  };
  const params = { tenantId: await asked.tenantId() };
  const query = { dryRun: options["dry-run"] ? "true" : "false" } as const;
  const idempotencyKey = crypto.randomUUID();
  const sent = heard(await api.call(name, { params, query, body, idempotencyKey }));
  if (sent.status === 202) return begun(asked, sent);
  const { total, byRoute, notSupported, sendingSeconds = 0, confirmingSeconds = 0 } = sent.body;
  const rows = [
    ...byRoute.map(({ devices, route, fidelity }) => ({ devices, how: `${route} (${fidelity})` })),
    ...notSupported.map(({ devices, detail }) => ({ devices, how: `not possible: ${detail}` })),
  ];
  const seconds = Math.ceil(sendingSeconds + confirmingSeconds);
  const would = `Nothing was sent. ${action} would be for ${count(total)} devices, and take about ${count(seconds)} s:`;
  show(asked, sent.body, () => `${would}\n${table(rows, "")}`);
  return exitCodes.done;
};

export const sendCommands: Commands = { send };
