/** A sync that failed or was done in part: what happened, its report, its details, and both downloads. */
import { Button } from "@fluentui/react-components";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { CopyButton } from "../page/copy-button.tsx";
import { Fold, FoldList } from "../page/look/fold.tsx";
import { Note } from "../page/look/note.tsx";
import { Code, Facts, Shown } from "../page/page.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { Window } from "../page/window.tsx";
import { Downloads, LeftOut, Summary } from "./report.tsx";
import { type SyncIds, useText } from "./text.ts";

function Failure({ ids }: { ids: SyncIds }) {
  const t = useText();
  const error = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/error", { params: ids });
  return (
    <Shown reading={error}>
      {({ code, text, cause, remedy, correlationId, requestIds, at, copy }) => (
        <>
          <Note intent="error" title={t.said(text)} />
          <Facts
            of={{
              [t("sync.code")]: <Code of={code} />,
              [t("sync.cause")]: t.said(cause),
              [t("sync.remedy")]: t.said(remedy),
            }}
          />
          <div>
            <CopyButton text={() => copy} label={t("sync.copyError")} />
          </div>
          <FoldList>
            <Fold id="details" title={t("sync.details")}>
              <Facts
                of={{
                  [t("sync.at")]: t.dateTime(at),
                  [t("sync.correlation")]: <Code of={correlationId} />,
                  [t("sync.requests")]: <Code of={requestIds.join(", ")} />,
                }}
              />
            </Fold>
          </FoldList>
        </>
      )}
    </Shown>
  );
}

/** The window of "New error", and of both kinds of "Partially succeeded". */
export function OutcomeWindow(props: {
  ids: SyncIds;
  title: string;
  kind: "error" | "partial";
  onClose: () => void;
}) {
  const { ids, title, kind, onClose } = props;
  const t = useText();
  const may = useMay()("sync.run", ids.tenantId);
  const report = useRead("GET /api/v1/tenants/{tenantId}/syncs/{syncId}/report", { params: ids });
  const start = useSend("POST /api/v1/tenants/{tenantId}/syncs");
  const acknowledge = useSend("POST /api/v1/tenants/{tenantId}/sync-status/acknowledge");
  const params = { tenantId: ids.tenantId };
  const items = report.body?.items ?? [];
  const lacksUser = items.some(({ reason }) => reason === "delegatedRequired");
  const again = async (mode: "planAndDeploy" | "retryFailed", onMissingUser?: "wait") => {
    const body = onMissingUser === undefined ? { mode } : { mode, onMissingUser };
    if ((await start.send({ params, body })) !== undefined) onClose();
  };
  const note = async () => {
    if ((await acknowledge.send({ params })) !== undefined) onClose();
  };
  const problem = start.problem ?? acknowledge.problem;
  const hasLeft = items.some(({ state }) => state === "failed" || state === "skipped");
  const actions = may && (
    <>
      {lacksUser && (
        <Button appearance="primary" onClick={() => void again("retryFailed", "wait")}>
          {t("sync.signInNow")}
        </Button>
      )}
      {!lacksUser && hasLeft && (
        <Button appearance="primary" onClick={() => void again("retryFailed")}>
          {t("sync.retryFailed")}
        </Button>
      )}
      {kind === "error" && <Button onClick={() => void note()}>{t("sync.acknowledge")}</Button>}
      <Button onClick={() => void again("planAndDeploy")}>{t("sync.syncNow")}</Button>
    </>
  );
  return (
    <Window title={title} onClose={onClose} actions={actions}>
      {kind === "error" && <Failure ids={ids} />}
      {kind === "partial" && report.body && (
        <Note intent="warning" title={lacksUser ? t("sync.partialUserTitle") : undefined}>
          {t(lacksUser ? "sync.partialUser" : "sync.partialItems")}
        </Note>
      )}
      <h3 style={{ margin: 0 }}>{t("sync.report")}</h3>
      <Shown reading={report}>
        {(body) => (
          <>
            <Summary report={body} />
            <LeftOut report={body} />
          </>
        )}
      </Shown>
      <Downloads ids={ids} />
      {problem && <ProblemView problem={problem} />}
    </Window>
  );
}
