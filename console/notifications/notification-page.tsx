/** A notification: its sum, its numbers, how it went, and its devices; cancelled, paused, and sent again from here. */
import { makeStyles, Subtitle2, tokens } from "@fluentui/react-components";
import { ArrowRepeatAllRegular } from "@fluentui/react-icons";
import { useRead, useReadList } from "../api/read.ts";
import { CopyAddress, Rest, StopButton } from "../page/job/bar.tsx";
import { CallWindow } from "../page/job/call.tsx";
import { JobHead } from "../page/job/job.tsx";
import { personOf } from "../page/job/listed.tsx";
import { MayButton } from "../page/may-button.tsx";
import { Go, PageFrame, Shown } from "../page/page.tsx";
import { Download } from "../page/save-file.tsx";
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

function Content(props: { notification: Notification; isRepeatable: boolean }) {
  const { notification, isRepeatable } = props;
  const t = useText();
  const styles = useStyles();
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
            ? t.named("jobStates", notification.state)
            : t.named("phases", phase)
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
function Facts({ notification }: { notification: Notification }) {
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

function Commands(props: { notification: Notification; action: Action | undefined }) {
  const { notification, action } = props;
  const { tenantId, notificationId, final, state } = notification;
  const t = useText();
  const change = notificationScreen.useChangeSearch();
  const whyNot = useWhyNot(tenantId);
  const counts = countsOf(notification);
  const bad = counts ? badStates.reduce((sum, each) => sum + counts[each], 0) : 0;
  const why = action && whyNot(action);
  const given = { params: { tenantId, notificationId } };
  const permission = "notifications.cancel";
  return (
    <>
      <StopButton
        of={notification}
        permission={permission}
        onClick={() => change({ window: "cancel" })}
      >
        {t("notifications.cancel")}
      </StopButton>
      <Rest
        state={state}
        given={given}
        pause={`POST ${one}/pause`}
        resume={`POST ${one}/resume`}
        takes={{ permission }}
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
      <Download
        call={`GET ${one}/deliveries`}
        type="text/csv"
        given={given}
        name={`muster-${notificationId}.csv`}
      >
        {t("notifications.csv")}
      </Download>
      <CopyAddress />
    </>
  );
}
