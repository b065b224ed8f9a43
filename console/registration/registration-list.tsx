/** Registrations of a tenant, newest first: each by its sum. */
import { ClipboardTaskListLtrRegular } from "@fluentui/react-icons";
import { useMay } from "../api/me.ts";
import { useNames } from "../api/names.ts";
import { useReadList } from "../api/read.ts";
import { Go, PageFrame } from "../page/page.tsx";
import { Empty, Shown } from "../page/page-state.tsx";
import { Rows } from "../page/rows.tsx";
import { useFormat } from "../text/format.ts";
import { addDevicesScreen, registrationListScreen, registrationScreen } from "./screens.ts";
import { type Registration, sentenceOf, useText } from "./text.ts";

/** The page. */
export function Page() {
  const t = useText();
  const may = useMay();
  const { tenantId } = registrationListScreen.useParams();
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/registrations",
    { params: { tenantId } },
    { everySeconds: 30 },
  );
  const add = may("registration.submit", tenantId) && (
    <Go to={addDevicesScreen.at({ tenantId })}>{t("registration.add")}</Go>
  );
  return (
    <PageFrame title={t("registration.title")} lead={add}>
      <Shown reading={reading}>
        {(registrations) =>
          registrations.length === 0 ? (
            <Empty icon={<ClipboardTaskListLtrRegular />} title={t("registration.none")}>
              {t("registration.noneWhy")}
            </Empty>
          ) : (
            <Table registrations={registrations} {...reading} />
          )
        }
      </Shown>
    </PageFrame>
  );
}

function Table(props: {
  readonly registrations: readonly Registration[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { registrations, hasMore, readMore } = props;
  const t = useText();
  const named = useNames();
  const { dateTime } = useFormat();
  const columns = [
    {
      id: "at",
      title: t("registration.at"),
      render: ({ tenantId, registrationId, createdAt }: Registration) => (
        <Go to={registrationScreen.at({ tenantId, registrationId })}>{dateTime(createdAt)}</Go>
      ),
    },
    {
      id: "state",
      title: t("registration.state"),
      render: ({ state }: Registration) => named("registrationStates", state),
    },
    {
      id: "result",
      title: t("registration.result"),
      width: "2fr",
      render: (each: Registration) => sentenceOf(each, t),
    },
    {
      id: "route",
      title: t("registration.route"),
      render: ({ backEnd }: Registration) => t(`registration.route.${backEnd}`),
    },
    {
      id: "by",
      title: t("registration.by"),
      render: ({ requestedBy }: Registration) => requestedBy?.name ?? requestedBy?.id ?? "",
    },
  ];
  return (
    <Rows
      label={t("registration.title")}
      columns={columns}
      items={registrations}
      idOf={({ registrationId }) => registrationId}
      nameOf={({ createdAt }) => dateTime(createdAt)}
      hasMore={hasMore}
      readMore={readMore}
    />
  );
}
