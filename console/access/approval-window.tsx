/**
 * One approval: what would be done, to whom, who asked, and the digest of all of it, which a verdict names. Nobody decides
 * on what they asked for themselves: the buttons say so.
 */
import { Button } from "@fluentui/react-components";
import { CheckmarkRegular, DismissRegular } from "@fluentui/react-icons";
import type { BodyOf } from "../../clients/api.ts";
import { useMe } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { notificationScreen } from "../notifications/screens.ts";
import { targetWords, useText as useNotificationText } from "../notifications/text.ts";
import { announce } from "../page/announce.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Code, Facts, Go, Shown } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { TextField, useHeld } from "../page/values/fields.tsx";
import { Window } from "../page/window.tsx";
import { type Text, useText } from "./text.ts";

const approvalPath = "/api/v1/tenants/{tenantId}/approvals/{approvalId}";
/** An approval as the API shows it. */
export type Approval = BodyOf<`GET ${typeof approvalPath}`>;
type Person = Approval["requestedBy"];

/** Somebody by their name, or else by their id. */
export const personWords = ({ name, kind, id }: Person): string => name ?? `${kind} ${id}`;

/** What it is about in one line: an action that the API names, or the requester's own summary. */
export function subjectWords({ action, count, summary }: Approval["subject"], t: Text): string {
  const name = t.named("actions", action);
  return name === action ? t.said(summary) : t("access.onDevices", { name, count });
}

/** Why who looks cannot decide, besides what they may in general. */
function useHindrance(): (approval: Approval) => { own?: string; approve?: string } {
  const t = useText();
  const { body: me } = useMe();
  return ({ requestedBy: by, approvers }) => {
    const isOwn =
      by.kind === me?.kind && by.homeTenantId === me.homeTenantId && by.id === me.objectId;
    if (isOwn) return { own: t("access.own") };
    return me === undefined || approvers.includes(me.kind)
      ? {}
      : { approve: t("access.notApprover", { kinds: approvers.join(", ") }) };
  };
}

export function ApprovalWindow(props: {
  ids: { readonly tenantId: string; readonly approvalId: string };
  onClose: () => void;
}) {
  const { ids, onClose } = props;
  const t = useText();
  const reading = useRead(`GET ${approvalPath}`, { params: ids }, { every: () => 15 });
  const approve = useSend(`POST ${approvalPath}/approve`);
  const reject = useSend(`POST ${approvalPath}/reject`);
  const comment = useHeld("");
  const hindrance = useHindrance();
  const { body } = reading;
  const waits = body?.state === "pendingApproval";
  const { own, approve: mayNot } = body ? hindrance(body) : {};
  const decide = async (sending: typeof approve | typeof reject) => {
    if (body === undefined) return;
    const said = {
      digest: body.digest,
      ...(comment.value.trim() !== "" && { comment: comment.value.trim() }),
    };
    const { send } = sending as typeof approve;
    if ((await send({ params: ids, body: said })) === undefined) return;
    announce(t(sending === approve ? "access.approved" : "access.rejected"));
    onClose();
  };
  const decides = {
    permission: "approvals.decide",
    isBusy: approve.isSending || reject.isSending,
  } as const;
  const problem = approve.problem ?? reject.problem;
  return (
    <Window
      title={body ? subjectWords(body.subject, t) : t("access.approval")}
      onClose={onClose}
      wide
      actions={
        <>
          {waits && (
            <>
              <MayButton
                {...decides}
                appearance="primary"
                icon={<CheckmarkRegular />}
                why={own ?? mayNot}
                onClick={() => void decide(approve)}
              >
                {t("access.approve")}
              </MayButton>
              <MayButton
                {...decides}
                appearance="secondary"
                icon={<DismissRegular />}
                why={own}
                onClick={() => void decide(reject)}
              >
                {t("access.reject")}
              </MayButton>
            </>
          )}
          <Button onClick={onClose}>{t("shared.close")}</Button>
        </>
      }
    >
      <Shown reading={reading}>{(approval) => <Subject approval={approval} />}</Shown>
      {waits && own === undefined && (
        <TextField label={t("access.comment")} {...comment} maxLength={1000} isLong />
      )}
      {waits && own !== undefined && <p>{own}</p>}
      {problem && <ProblemView problem={problem} />}
    </Window>
  );
}

function Subject({ approval }: { approval: Approval }) {
  const t = useText();
  const ofNotifications = useNotificationText();
  const { subject, state, tenantId, requestedBy, decidedBy, decidedAt } = approval;
  const { kind, id, target, parameters } = subject;
  return (
    <>
      <Facts
        of={{
          [t("access.state")]: (
            <span data-approval={state}>{t.named("approvalStates", state)}</span>
          ),
          [t("access.askedBy")]: `${personWords(requestedBy)}, ${t.dateTime(approval.createdAt)}`,
          [t("access.until")]: t.dateTime(approval.expiresAt),
          [t("access.decided")]: [
            decidedBy && personWords(decidedBy),
            decidedAt && t.dateTime(decidedAt),
          ]
            .filter(Boolean)
            .join(", "),
          [t("access.comment")]: approval.comment,
          [t("access.devices")]: t.number(subject.count),
          [t("access.what")]:
            kind === "notification" ? targetWords(target, ofNotifications) : <Code of={target} />,
          ...Object.fromEntries(
            Object.entries(parameters).map(([name, value]) => [
              name,
              <Code key={name} of={value} />,
            ]),
          ),
          [t("access.digest")]: <Code of={approval.digest} />,
        }}
      />
      {kind === "notification" && (
        <Go to={notificationScreen.at({ tenantId, notificationId: id })}>{t("access.look")}</Go>
      )}
    </>
  );
}
