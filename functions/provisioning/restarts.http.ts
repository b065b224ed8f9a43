/** Restarting devices of a run that did not succeed: first an offer, then its confirmation. */
import { signedInOf } from "../../shared/access/signed-in.ts";
import { operation } from "../../shared/http/operation.ts";
import { accepted, ok } from "../../shared/http/reply.ts";
import { succeed } from "../../shared/kernel/failure.ts";
import {
  RestartBody,
  RestartOffer,
  RunPath,
  RunView,
  restartOfferView,
} from "../../shared/provisioning/contract.ts";
import { findRun, runView } from "../../shared/provisioning/read-runs.ts";
import { confirmRestart, offerRestart } from "../../shared/provisioning/restart/offer.ts";
import type { RunParts } from "../../shared/provisioning/start-run.ts";
import { onHttp, type Tools } from "../define.ts";

export const restartFunction = onHttp(
  operation({
    name: "provisioning-runs-restart",
    method: "POST",
    path: "api/v1/tenants/{tenantId}/provisioning-runs/{runId}/restarts",
    summary:
      "Offer to restart devices that did not succeed; with the offer's token, restart them in a new run",
    tag: "Provisioning",
    idempotent: true,
    params: RunPath,
    body: RestartBody,
    answers: {
      200: { description: "What would be done; nothing was", body: RestartOffer },
      202: {
        description: "The new run",
        body: RunView,
        headers: ["Location", "Retry-After"],
      },
    },
  }),
  async ({ params, body }, tools: Tools<{ readonly provision: RunParts }>) => {
    const { provision } = tools.services;
    const { caller } = signedInOf(tools);
    const found = await findRun(provision, params);
    if (!found.ok) return found;
    const { run } = found.value;
    const { token, ...choice } = body;
    if (token === undefined) {
      signedInOf(tools).note({ unchanged: true });
      const offered = await offerRestart(provision, run, choice, caller);
      return offered.ok ? succeed(ok(restartOfferView(offered.value))) : offered;
    }
    const started = await confirmRestart(provision, run, choice, token, caller);
    if (!started.ok) return started;
    const { jobId, tenantId } = started.value;
    signedInOf(tools).note({
      object: `run/${jobId}`,
      after: { runId: jobId, restarts: params.runId, mode: choice.mode, waived: choice.waive },
    });
    const location = `/api/v1/tenants/${tenantId}/provisioning-runs/${jobId}`;
    return succeed(accepted(location, await runView(provision, started.value)));
  },
);
