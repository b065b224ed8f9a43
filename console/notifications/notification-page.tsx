/** A notification: its sum, its numbers, how it went, and its devices; cancelled, paused, and sent again from here. */
import { makeStyles, Subtitle2, ToolbarButton, tokens } from "@fluentui/react-components";
import {
  ArrowDownloadRegular,
  ArrowRepeatAllRegular,
  DismissCircleRegular,
} from "@fluentui/react-icons";
import { useConnection } from "../api/connection.tsx";
import { useNames } from "../api/names.ts";
import { useRead, useReadList } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { CopyButton } from "../page/copy-button.tsx";
import { CallWindow } from "../page/job/call-window.tsx";
import { JobHead } from "../page/job/job.tsx";
import { personOf } from "../page/job/listed.tsx";
import { Rest } from "../page/job/rest.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Go, PageFrame } from "../page/page.tsx";
import { Shown } from "../page/page-state.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { useSaveAnswer } from "../page/save-file.ts";
import { type Action, useActions, useWhyNot } from "./action-bar.tsx";
import { Bar, badStates, CountsTable, countsOf, type Notification, sentenceOf } from "./counts.tsx";
import { Deliveries } from "./deliveries.tsx";
import { OverTime } from "./over-time.tsx";
import { RetryWindow } from "./retry-window.tsx";
import { notificationListScreen, notificationScreen } from "./screens.ts";
import { targetWords, useText } from "./text.ts";

const useStyles = makeStyles({
  both: {
    display: "flex",
    flexWrap: "wrap",
    gap: tokens.spacingHorizontalXXL,
    "& > *": { minWidth: 0 },
  },
  picture: { flexGrow: 1, flexBasis: "360px", maxWidth: "100%" },
});

const one = "/api/v1/tenants/{tenantId}/notifications/{notificationId}";

/** The page. */
export function Page() {
  const t = useText();
  const { tenantId, notificationId } = notificationScreen.useParams();
  const reading = useRead(`GET ${one}`, {
    params: { tenantId, notificationId },
  });
  const actions = useActions();
  const action = actions.body?.value.find(({ id }) => id === reading.body?.action);
  const title = action ? t.name(action.name) : (reading.body?.action ?? t("notifications.one"));
  return (
    <PageFrame
      title={title}
      above={<Go to={notificationListScreen.at({ tenantId })}>{t("notifications.title")}</Go>}
      bar={reading.body && <Commands notification={reading.body} action={action} />}
    >
      <Shown reading={reading}>
        {(notification) => (
          <Content notification={notification} isRepeatable={action?.repeatable ?? false} />
        )}
      </Shown>
    </PageFrame>
  );
}

function Content(props: { readonly notification: Notification; readonly isRepeatable: boolean }) {
  const { notification, isRepeatable } = props;
  const t = useText();
  const styles = useStyles();
  const named = useNames();
  const [{ window: open }, change] = notificationScreen.useSearchState();
  const counts = countsOf(notification);
  const sentence = sentenceOf(notification, t);
  const close = () => change({ window: undefined }, true);
  const { failure, phase, tenantId, notificationId } = notification;
  return (
    <>
      <JobHead
        {...notification}
        sentence={sentence}
        failure={failure}
        share={(notification.progress.percent ?? 0) / 100}
        word={
          notification.final || phase === undefined
            ? named("jobStates", notification.state)
            : named("phases", phase)
        }
      >
        <Facts notification={notification} />
      </JobHead>
      {counts && <Bar counts={counts} words={sentence} />}
      {counts && (
        <div className={styles.both}>
          <CountsTable notification={notification} counts={counts} />
          <div className={styles.picture}>
            <Subtitle2 as="h2">{t("notifications.overTime")}</Subtitle2>
            <OverTime key={notificationId} notification={notification} counts={counts} />
          </div>
        </div>
      )}
      <Deliveries notification={notification} counts={counts} />
      {open === "retry" && counts && (
        <RetryWindow
          notification={notification}
          counts={counts}
          isRepeatable={isRepeatable}
          onClose={close}
        />
      )}
      {open === "cancel" && !notification.final && (
        <CallWindow
          title={t("notifications.cancel")}
          verb={t("notifications.cancel")}
          call={`POST ${one}/cancel`}
          given={{ params: { tenantId, notificationId } }}
          onClose={close}
        >
          {t("notifications.cancelWhat")}
        </CallWindow>
      )}
    </>
  );
}

/** Who, when, to whom; and the notifications that it repeats and that repeat it. */
function Facts({ notification }: { readonly notification: Notification }) {
  const t = useText();
  const { tenantId, notificationId, requestedBy, progress, retryOf, note } = notification;
  const { body: recent = [] } = useReadList("GET /api/v1/tenants/{tenantId}/notifications", {
    params: { tenantId },
    query: { top: 50 },
  });
  const retries = recent.filter((each) => each.retryOf === notificationId);
  return (
    <>
      <span>{targetWords(notification.target, t)}</span>
      <span>
        {t("notifications.sentBy", {
          at: t.dateTime(notification.createdAt),
          by: personOf(requestedBy),
          known: requestedBy === undefined ? "no" : "yes",
        })}
      </span>
      {!notification.final && progress.expectedEnd !== undefined && (
        <span>{t("notifications.expected", { when: t.since(progress.expectedEnd) })}</span>
      )}
      {!notification.final && (
        <span>{t("notifications.until", { at: t.dateTime(notification.expiresAt) })}</span>
      )}
      {note !== undefined && <span>{note}</span>}
      {retryOf !== undefined && (
        <Go to={notificationScreen.at({ tenantId, notificationId: retryOf })}>
          {t("notifications.retryOf")}
        </Go>
      )}
      {retries.map((each) => (
        <Go
          key={each.notificationId}
          to={notificationScreen.at({ tenantId, notificationId: each.notificationId })}
        >
          {t("notifications.retriedBy", { at: t.dateTime(each.createdAt) })}
        </Go>
      ))}
    </>
  );
}

/** The toolbar. */
function Commands(props: {
  readonly notification: Notification;
  readonly action: Action | undefined;
}) {
  const { notification, action } = props;
  const { tenantId, notificationId, final, state } = notification;
  const t = useText();
  const change = notificationScreen.useChangeSearch();
  const whyNot = useWhyNot(tenantId);
  const counts = countsOf(notification);
  const bad = counts ? badStates.reduce((sum, each) => sum + counts[each], 0) : 0;
  const why = action && whyNot(action);
  const params = { tenantId, notificationId };
  return (
    <>
      {!final && (
        <MayButton
          icon={<DismissCircleRegular />}
          permission="notifications.cancel"
          tenantId={tenantId}
          isBusy={state === "cancelling"}
          onClick={() => change({ window: "cancel" })}
        >
          {t("notifications.cancel")}
        </MayButton>
      )}
      <Rest
        state={state}
        params={params}
        pause={useSend(`POST ${one}/pause`)}
        resume={useSend(`POST ${one}/resume`)}
        takes={{ permission: "notifications.cancel", tenantId }}
        resumeTakes={{ why }}
      />
      {final && bad > 0 && (
        <MayButton
          icon={<ArrowRepeatAllRegular />}
          why={why}
          onClick={() => change({ window: "retry" })}
        >
          {t("notifications.retry")}
        </MayButton>
      )}
      <Download ids={{ tenantId, notificationId }} />
      <CopyButton
        appearance="subtle"
        text={() => location.href}
        label={t("notifications.copyAddress")}
      />
    </>
  );
}

type Ids = { readonly tenantId: string; readonly notificationId: string };

/** All deliveries as CSV. */
function Download({ ids }: { readonly ids: Ids }) {
  const t = useText();
  const { api } = useConnection();
  const { save, problem } = useSaveAnswer();
  const asked = () => api.download(`GET ${one}/deliveries`, "text/csv", { params: ids });
  return (
    <>
      <ToolbarButton
        icon={<ArrowDownloadRegular />}
        onClick={() => void save(asked(), `muster-${ids.notificationId}.csv`)}
      >
        {t("notifications.csv")}
      </ToolbarButton>
      {problem && <ProblemView problem={problem} />}
    </>
  );
}
