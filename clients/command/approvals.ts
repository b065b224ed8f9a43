/** What waits for a second person: listed, and decided. */
import { type Command, exitCodes, heard, Stop } from "./asked.ts";
import { firstOf, goesOn } from "./fleet.ts";
import { show, table } from "./print.ts";

const list = "GET /api/v1/tenants/{tenantId}/approvals";
const one = "GET /api/v1/tenants/{tenantId}/approvals/{approvalId}";
const verdicts = {
  approve: "POST /api/v1/tenants/{tenantId}/approvals/{approvalId}/approve",
  reject: "POST /api/v1/tenants/{tenantId}/approvals/{approvalId}/reject",
} as const;

export const approvalsCommand: Command = {
  is: "List approvals; approve or reject one",
  words: [0, 2, "[approve|reject ID]"],
  takes: ["tenant", "note", "top"],
  async run(asked) {
    const {
      api,
      options,
      words: [verb, approvalId = ""],
    } = asked;
    const tenantId = await asked.tenantId();
    if (verb === undefined) {
      const { value, more } = await firstOf(api.pages(list, { params: { tenantId } }), options.top);
      const rows = value.map((each) => ({
        approval: each.approvalId,
        state: each.state,
        devices: each.subject.count,
        what: each.subject.summary,
        by: each.requestedBy.name ?? each.requestedBy.kind,
        until: each.expiresAt,
      }));
      show(asked, value, () => table(rows, "Nothing waits for approval.") + goesOn(more));
      return exitCodes.done;
    }
    if (verb !== "approve" && verb !== "reject")
      throw new Stop(`approvals knows approve and reject, not "${verb}".`);
    const params = { tenantId, approvalId };
    // The verdict is on what is shown now: had it changed meanwhile, the digest would be refused.
    const { digest } = heard(await api.call(one, { params })).body;
    const body = { digest, ...(options.note === undefined ? {} : { comment: options.note }) };
    const decided = heard(await api.call(verdicts[verb], { params, body })).body;
    show(asked, decided, () => `${decided.subject.summary}: ${decided.state}`);
    return exitCodes.done;
  },
};
