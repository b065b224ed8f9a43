/** Devices of a notification: by state, with the reasons of what failed in groups, and a row for each. */
import { Button, makeStyles, Tab, TabList, tokens } from "@fluentui/react-components";
import type { Answered } from "../../clients/api.ts";
import { useNames } from "../api/names.ts";
import { useRead, useReadList } from "../api/read.ts";
import { Reason } from "../page/job/reason.tsx";
import { Go } from "../page/page.tsx";
import { Empty, Shown } from "../page/page-state.tsx";
import { Rows } from "../page/rows.tsx";
import { useFormat } from "../text/format.ts";
import { badStates, type Counts, type Notification } from "./counts.tsx";
import { routeName } from "./dry-run.tsx";
import { type DeliveryState, deliveryStates, notificationScreen } from "./screens.ts";
import { useText } from "./text.ts";

const name = "GET /api/v1/tenants/{tenantId}/notifications/{notificationId}/deliveries";
type Delivery = Extract<Answered<typeof name>, { readonly status: 200 }>["body"]["value"][number];

const useStyles = makeStyles({
  tabs: { flexWrap: "wrap" },
  quiet: { color: tokens.colorNeutralForeground2, display: "block" },
  reasons: { margin: 0, paddingLeft: tokens.spacingHorizontalXL },
});

/** The page of a device, which is another room's. */
const deviceAt = (tenantId: string, deviceId: string) => ({
  to: "/tenants/$tenantId/devices/$deviceId",
  params: { tenantId, deviceId },
  search: undefined,
});

/** The reasons of a state: how many devices say the same. */
function Reasons(props: { readonly notification: Notification; readonly state: DeliveryState }) {
  const { tenantId, notificationId, final } = props.notification;
  const t = useText();
  const styles = useStyles();
  const { number, name: said } = useFormat();
  const { body } = useRead(
    "GET /api/v1/tenants/{tenantId}/notifications/{notificationId}/reasons",
    { params: { tenantId, notificationId } },
    final ? {} : { every: () => 10 },
  );
  const reasons = (body?.value ?? []).filter(({ state }) => state === props.state);
  if (body === undefined || reasons.length === 0) return null;
  return (
    <section aria-label={t("notifications.reasons")}>
      <ul className={styles.reasons}>
        {reasons.map(({ code, deliveries, names }) => (
          <li key={code} data-reason={code}>
            {t("notifications.reason", {
              count: number(deliveries),
              reason: names === undefined ? code : said(names),
            })}
          </li>
        ))}
      </ul>
      {!body.complete && <span className={styles.quiet}>{t("notifications.reasonsOpen")}</span>}
    </section>
  );
}

/** Tabs by state, and the rows. */
export function Deliveries(props: {
  readonly notification: Notification;
  readonly counts: Counts | undefined;
}) {
  const { notification, counts } = props;
  const { tenantId, notificationId } = notification;
  const t = useText();
  const styles = useStyles();
  const named = useNames();
  const { number } = useFormat();
  const { state } = notificationScreen.useSearch();
  const change = notificationScreen.useChangeSearch();
  const reading = useReadList(
    name,
    { params: { tenantId, notificationId }, query: { state, top: 1000 } },
    notification.final ? {} : { everySeconds: 5 },
  );
  const states = deliveryStates.filter((each) => each === state || (counts?.[each] ?? 1) > 0);
  const isBad = state !== undefined && badStates.some((each) => each === state);
  return (
    <section aria-label={t("notifications.devices")}>
      <TabList
        className={styles.tabs}
        selectedValue={state ?? "all"}
        onTabSelect={(_event, { value }) =>
          change({ state: value === "all" ? undefined : (value as DeliveryState) })
        }
      >
        <Tab value="all">{t("notifications.all")}</Tab>
        {states.map((each) => (
          <Tab key={each} value={each}>
            {counts === undefined
              ? named("deliveryStates", each)
              : `${named("deliveryStates", each)} (${number(counts[each])})`}
          </Tab>
        ))}
      </TabList>
      <Shown reading={reading}>
        {(deliveries) =>
          deliveries.length === 0 && !reading.hasMore ? (
            <Empty
              title={t("notifications.noDelivery")}
              action={
                state && (
                  <Button onClick={() => change({ state: undefined })}>
                    {t("notifications.all")}
                  </Button>
                )
              }
            />
          ) : (
            <>
              {isBad && <Reasons notification={notification} state={state} />}
              <Table tenantId={tenantId} deliveries={deliveries} {...reading} />
            </>
          )
        }
      </Shown>
    </section>
  );
}

function Table(props: {
  readonly tenantId: string;
  readonly deliveries: readonly Delivery[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { tenantId, deliveries, hasMore, readMore } = props;
  const t = useText();
  const named = useNames();
  const { dateTime } = useFormat();
  const columns = [
    {
      id: "device",
      title: t("notifications.device"),
      render: ({ deviceId, deviceName }: Delivery) => (
        <Go to={deviceAt(tenantId, deviceId)}>{deviceName === "" ? deviceId : deviceName}</Go>
      ),
    },
    {
      id: "state",
      title: t("notifications.state"),
      width: "0.7fr",
      render: (each: Delivery) => named("deliveryStates", each.state),
    },
    {
      id: "reason",
      title: t("notifications.reasonTitle"),
      width: "2fr",
      render: (delivery: Delivery) => <Reason {...delivery} />,
    },
    {
      id: "way",
      title: t("notifications.way"),
      width: "0.8fr",
      render: ({ route }: Delivery) => (route === undefined ? "" : routeName(route, t)),
    },
    {
      id: "at",
      title: t("notifications.at"),
      width: "0.9fr",
      render: ({ at }: Delivery) => dateTime(at),
    },
  ];
  return (
    <Rows
      label={t("notifications.devices")}
      columns={columns}
      items={deliveries}
      idOf={({ deviceId }) => deviceId}
      nameOf={({ deviceName }) => deviceName}
      hasMore={hasMore}
      readMore={readMore}
    />
  );
}
