/** Everything that was sent in a tenant, newest first: each by its sum. */
import { SendRegular } from "@fluentui/react-icons";
import { useReadList } from "../api/read.ts";
import { Listed, personOf, Quiet } from "../page/job/listed.tsx";
import { Empty, Go, PageFrame } from "../page/page.tsx";
import { Bar, countsOf, type Notification, sentenceOf } from "./counts.tsx";
import { notificationListScreen, notificationScreen } from "./screens.ts";
import { targetWords, useText } from "./text.ts";

export function Page() {
  const t = useText();
  const { tenantId } = notificationListScreen.useParams();
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/notifications",
    { params: { tenantId }, query: { top: 50 } },
    { everySeconds: 30 },
  );
  const devices = { to: "/tenants/$tenantId/devices", params: { tenantId }, search: undefined };
  return (
    <PageFrame title={t("notifications.title")}>
      <Listed
        reading={reading}
        label={t("notifications.title")}
        idOf={({ notificationId }) => notificationId}
        nameOf={({ action }) => t.named("actions", action)}
        columns={{
          [t("notifications.action")]: (each) => <What of={each} />,
          [t("notifications.state")]: ({ state }) => t.named("jobStates", state),
          [t("notifications.result")]: (each) => <Sum of={each} />,
          [t("notifications.by")]: ({ requestedBy }) => personOf(requestedBy),
          [t("notifications.at")]: ({ createdAt }) => t.dateTime(createdAt),
        }}
        widths="1fr 1fr 2fr 1fr 1fr"
        empty={
          <Empty
            icon={<SendRegular />}
            title={t("notifications.none")}
            action={<Go to={devices}>{t("notifications.toDevices")}</Go>}
          >
            {t("notifications.noneWhy")}
          </Empty>
        }
      />
    </PageFrame>
  );
}

function What({ of: { tenantId, notificationId, action, target } }: { of: Notification }) {
  const t = useText();
  return (
    <>
      <Go to={notificationScreen.at({ tenantId, notificationId })}>{t.named("actions", action)}</Go>
      <Quiet>{targetWords(target, t)}</Quiet>
    </>
  );
}

function Sum({ of }: { of: Notification }) {
  const t = useText();
  const counts = countsOf(of);
  const words = sentenceOf(of, t);
  return (
    <>
      {counts && <Bar counts={counts} words={words} isSmall />}
      <span aria-hidden={counts !== undefined}>{words}</span>
    </>
  );
}
