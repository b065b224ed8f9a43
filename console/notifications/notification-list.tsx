/** Everything that was sent in a tenant, newest first: each by its sum. */
import { makeStyles, tokens } from "@fluentui/react-components";
import { SendRegular } from "@fluentui/react-icons";
import { useNames } from "../api/names.ts";
import { useReadList } from "../api/read.ts";
import { Go, PageFrame } from "../page/page.tsx";
import { Empty, Shown } from "../page/page-state.tsx";
import { Rows } from "../page/rows.tsx";
import { useFormat } from "../text/format.ts";
import { Bar, countsOf, type Notification, sentenceOf } from "./counts.tsx";
import { notificationListScreen, notificationScreen } from "./screens.ts";
import { targetWords, useText } from "./text.ts";

const useStyles = makeStyles({
  quiet: { color: tokens.colorNeutralForeground2, display: "block" },
});

/** The page. */
export function Page() {
  const t = useText();
  const { tenantId } = notificationListScreen.useParams();
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/notifications",
    { params: { tenantId }, query: { top: 50 } },
    { everySeconds: 30 },
  );
  return (
    <PageFrame title={t("notifications.title")}>
      <Shown reading={reading}>
        {(notifications) =>
          notifications.length === 0 ? (
            <Empty
              icon={<SendRegular />}
              title={t("notifications.none")}
              action={
                <Go
                  to={{ to: "/tenants/$tenantId/devices", params: { tenantId }, search: undefined }}
                >
                  {t("notifications.toDevices")}
                </Go>
              }
            >
              {t("notifications.noneWhy")}
            </Empty>
          ) : (
            <Table notifications={notifications} {...reading} />
          )
        }
      </Shown>
    </PageFrame>
  );
}

function Table(props: {
  readonly notifications: readonly Notification[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { notifications, hasMore, readMore } = props;
  const t = useText();
  const styles = useStyles();
  const named = useNames();
  const { dateTime } = useFormat();
  const columns = [
    {
      id: "action",
      title: t("notifications.action"),
      render: ({ tenantId, notificationId, action, target }: Notification) => (
        <>
          <Go to={notificationScreen.at({ tenantId, notificationId })}>
            {named("actions", action)}
          </Go>
          <span className={styles.quiet}>{targetWords(target, t)}</span>
        </>
      ),
    },
    {
      id: "state",
      title: t("notifications.state"),
      render: ({ state }: Notification) => named("jobStates", state),
    },
    {
      id: "sum",
      title: t("notifications.result"),
      width: "2fr",
      render: (each: Notification) => {
        const counts = countsOf(each);
        const words = sentenceOf(each, t);
        return (
          <>
            {counts && <Bar counts={counts} words={words} isSmall />}
            <span aria-hidden={counts !== undefined}>{words}</span>
          </>
        );
      },
    },
    {
      id: "by",
      title: t("notifications.by"),
      render: ({ requestedBy }: Notification) => requestedBy?.name ?? requestedBy?.id ?? "",
    },
    {
      id: "at",
      title: t("notifications.at"),
      render: ({ createdAt }: Notification) => dateTime(createdAt),
    },
  ];
  return (
    <Rows
      label={t("notifications.title")}
      columns={columns}
      items={notifications}
      idOf={({ notificationId }) => notificationId}
      nameOf={({ action }) => named("actions", action)}
      hasMore={hasMore}
      readMore={readMore}
    />
  );
}
