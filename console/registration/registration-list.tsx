/** Registrations of a tenant, newest first: each by its sum. */
import { ClipboardTaskListLtrRegular } from "@fluentui/react-icons";
import { useMay } from "../api/me.ts";
import { useReadList } from "../api/read.ts";
import { Listed, personOf } from "../page/job/listed.tsx";
import { Empty, Go, PageFrame } from "../page/page.tsx";
import { addDevicesScreen, registrationListScreen, registrationScreen } from "./screens.ts";
import { sentenceOf, useText } from "./text.ts";

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
  const at = (registrationId: string) => registrationScreen.at({ tenantId, registrationId });
  return (
    <PageFrame title={t("registration.title")} lead={add}>
      <Listed
        reading={reading}
        label={t("registration.title")}
        idOf={({ registrationId }) => registrationId}
        nameOf={({ createdAt }) => t.dateTime(createdAt)}
        columns={{
          [t("registration.at")]: (each) => (
            <Go to={at(each.registrationId)}>{t.dateTime(each.createdAt)}</Go>
          ),
          [t("registration.state")]: ({ state }) => t.named("registrationStates", state),
          [t("registration.result")]: (each) => sentenceOf(each, t),
          [t("registration.route")]: (each) => t(`registration.route.${each.backEnd}`),
          [t("registration.by")]: ({ requestedBy }) => personOf(requestedBy),
        }}
        widths="1fr 1fr 2fr 1fr 1fr"
        empty={
          <Empty icon={<ClipboardTaskListLtrRegular />} title={t("registration.none")}>
            {t("registration.noneWhy")}
          </Empty>
        }
      />
    </PageFrame>
  );
}
