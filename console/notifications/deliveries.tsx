/** Devices of a notification: by state, with the reasons of what failed in groups, and a row for each. */
import { Button } from "@fluentui/react-components";
import { useRead, useReadList } from "../api/read.ts";
import { StateTabs } from "../page/job/job.tsx";
import { Listed, Quiet } from "../page/job/listed.tsx";
import { Reason } from "../page/job/reason.tsx";
import { List } from "../page/look/line.tsx";
import { Empty, Go } from "../page/page.tsx";
import { badStates, type Counts, type Notification } from "./counts.tsx";
import { routeName } from "./dry-run.tsx";
import { type DeliveryState, deliveryStates, deviceAt, notificationScreen } from "./screens.ts";
import { useText } from "./text.ts";

const list = "GET /api/v1/tenants/{tenantId}/notifications/{notificationId}/deliveries";

/** The reasons of a state: how many devices say the same. */
function Reasons(props: { notification: Notification; state: DeliveryState }) {
  const { tenantId, notificationId, final } = props.notification;
  const t = useText();
  const { body } = useRead(
    "GET /api/v1/tenants/{tenantId}/notifications/{notificationId}/reasons",
    { params: { tenantId, notificationId } },
    final ? {} : { every: () => 10 },
  );
  const reasons = (body?.value ?? []).filter(({ state }) => state === props.state);
  if (body === undefined || reasons.length === 0) return null;
  return (
    <section aria-label={t("notifications.reasons")}>
      <List>
        {reasons.map(({ code, deliveries, names }) => (
          <li key={code} data-reason={code}>
            {t("notifications.reason", {
              count: t.number(deliveries),
              reason: names === undefined ? code : t.name(names),
            })}
          </li>
        ))}
      </List>
      {!body.complete && <Quiet>{t("notifications.reasonsOpen")}</Quiet>}
    </section>
  );
}

/** Tabs by state, and the rows. */
export function Deliveries(props: { notification: Notification; counts: Counts | undefined }) {
  const { notification, counts } = props;
  const { tenantId, notificationId } = notification;
  const t = useText();
  const [{ state }, change] = notificationScreen.useSearchState();
  const reading = useReadList(
    list,
    { params: { tenantId, notificationId }, query: { state, top: 1000 } },
    notification.final ? {} : { everySeconds: 5 },
  );
  const states = deliveryStates.filter((each) => each === state || (counts?.[each] ?? 1) > 0);
  const isBad = state !== undefined && badStates.some((each) => each === state);
  return (
    <section aria-label={t("notifications.devices")}>
      <StateTabs
        all={t("notifications.all")}
        states={states}
        nameOf={(each) => t.named("deliveryStates", each)}
        counts={counts}
        chosen={state}
        onChoose={(each) => change({ state: each })}
      />
      <Listed
        reading={reading}
        label={t("notifications.devices")}
        idOf={({ deviceId }) => deviceId}
        nameOf={({ deviceName }) => deviceName}
        columns={{
          [t("notifications.device")]: ({ deviceId: id, deviceName }) => (
            <Go to={deviceAt(tenantId, id)}>{deviceName === "" ? id : deviceName}</Go>
          ),
          [t("notifications.state")]: (each) => t.named("deliveryStates", each.state),
          [t("notifications.reasonTitle")]: (each) => <Reason {...each} />,
          [t("notifications.way")]: ({ route }) => (route === undefined ? "" : routeName(route, t)),
          [t("notifications.at")]: ({ at }) => t.dateTime(at),
        }}
        widths="1fr 0.7fr 2fr 0.8fr 0.9fr"
        above={isBad && <Reasons notification={notification} state={state} />}
        empty={
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
        }
      />
    </section>
  );
}
