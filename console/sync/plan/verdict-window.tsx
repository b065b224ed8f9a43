/** A verdict about a plan, asked once more before it is given: what it does in one sentence, and what it is about. */
import { Body1, makeStyles, tokens } from "@fluentui/react-components";
import type { BodyOf } from "../../../clients/api.ts";
import { useRead } from "../../api/read.ts";
import { useSend } from "../../api/send.ts";
import { Note } from "../../page/look/note.tsx";
import { Go, Shown } from "../../page/page.tsx";
import { CheckField, TextField, useHeld } from "../../page/values/fields.tsx";
import { AskWindow } from "../../page/window.tsx";
import { planScreen } from "../screens.ts";
import { type SyncIds, useText } from "../text.ts";

/** A plan as the API has it. */
export type Plan = BodyOf<"GET /api/v1/tenants/{tenantId}/syncs/{syncId}/plan">;
export type Verdict = "approve" | "reject" | "reset";

const useStyles = makeStyles({
  list: {
    margin: 0,
    paddingLeft: tokens.spacingHorizontalL,
    maxHeight: "30vh",
    overflowY: "auto",
    overflowWrap: "anywhere",
  },
});

/** Gives the verdicts; all three name the plan that was looked at. */
function useVerdict(ids: SyncIds) {
  const approve = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/approve");
  const reject = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/reject");
  const reset = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/reject-and-reset");
  const give = (
    verdict: Verdict,
    { planHash }: Plan,
    comment: string,
    chosen: Plan["changes"] | undefined,
  ) => {
    const said = { planHash, ...(comment.trim() === "" ? {} : { comment: comment.trim() }) };
    const body = { params: ids, body: said };
    if (verdict === "reject") return reject.send(body);
    if (verdict === "reset") {
      const items = chosen?.map(({ type, key }) => ({ type, key }));
      return reset.send({ ...body, body: { ...said, ...(items && { items }) } });
    }
    const changes = chosen?.map(({ changeId }) => changeId);
    return approve.send({ ...body, body: { ...said, ...(changes && { changes }) } });
  };
  return {
    give,
    isSending: approve.isSending || reject.isSending || reset.isSending,
    problem: approve.problem ?? reject.problem ?? reset.problem,
  };
}

/** The window. `chosen`: the changes that it is about, where it is not about all. */
export function VerdictWindow(props: {
  ids: SyncIds;
  verdict: Verdict;
  chosen?: ReadonlySet<string> | undefined;
  onClose: () => void;
  onDone: () => void;
}) {
  const { ids, verdict, chosen, onClose, onDone } = props;
  const t = useText();
  const plan = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/plan", { params: ids });
  const { give, ...sending } = useVerdict(ids);
  const comment = useHeld("");
  const isSure = useHeld(verdict !== "reset");
  const about = (body: Plan) =>
    chosen === undefined || verdict === "reject"
      ? body.changes
      : body.changes.filter(({ changeId }) => chosen.has(changeId));
  const finish = async (): Promise<unknown> => {
    const { body } = plan;
    if (body === undefined) return undefined;
    const isPart = about(body).length < body.changes.length;
    return give(verdict, body, comment.value, isPart ? about(body) : undefined);
  };
  return (
    <AskWindow
      title={t(`sync.${verdict}`)}
      verb={t(`sync.${verdict}`)}
      sending={sending}
      isReady={plan.body !== undefined && isSure.value}
      onDo={finish}
      said={() => t(`sync.done.${verdict}`)}
      onDone={onDone}
      onClose={onClose}
    >
      <Note intent={verdict === "reset" ? "warning" : "info"}>{t(`sync.does.${verdict}`)}</Note>
      <Shown reading={plan}>
        {(body) => (
          <>
            <Body1>{t(`sync.about.${verdict}`, { count: about(body).length })}</Body1>
            <Named changes={about(body)} />
            {body.blocked.some(({ confirm }) => confirm !== undefined) && (
              <Go to={planScreen.at(ids, { window: "confirm" })}>{t("sync.confirmFirst")}</Go>
            )}
          </>
        )}
      </Shown>
      {verdict === "reset" && <CheckField {...isSure} label={t("sync.resetSure")} />}
      <TextField label={t("sync.comment")} {...comment} maxLength={1000} isLong />
    </AskWindow>
  );
}

function Named({ changes }: { changes: Plan["changes"] }) {
  const t = useText();
  return (
    <ul className={useStyles().list}>
      {changes.map(({ changeId, action, name, type }) => (
        <li key={changeId}>{`${t(`sync.action.${action}`)}: ${name} (${type})`}</li>
      ))}
    </ul>
  );
}
