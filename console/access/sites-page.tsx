/** The ConfigMgr sites of a tenant, and whether their relays are heard of. */
import { ServerRegular } from "@fluentui/react-icons";
import { useReadList } from "../api/read.ts";
import { Listed } from "../page/job/listed.tsx";
import { Empty, PageFrame } from "../page/page.tsx";
import { sitesScreen } from "./screens.ts";
import { useText } from "./text.ts";

export function Page() {
  const t = useText();
  const { tenantId } = sitesScreen.useParams();
  const reading = useReadList(
    "GET /api/v1/tenants/{tenantId}/sites",
    { params: { tenantId } },
    { everySeconds: 30 },
  );
  return (
    <PageFrame title={t("access.sites")}>
      <Listed
        reading={reading}
        label={t("access.sites")}
        idOf={({ siteCode }) => siteCode}
        nameOf={({ siteCode }) => siteCode}
        columns={{
          [t("access.site")]: ({ siteCode }) => siteCode,
          [t("access.devices")]: ({ devices }) => t.number(devices),
          [t("access.reported")]: ({ reportedAt }) => t.dateTime(reportedAt),
          [t("access.relaySeen")]: ({ relaySeenAt: at }) =>
            at === undefined ? t("access.never") : t.since(at),
        }}
        empty={
          <Empty icon={<ServerRegular />} title={t("access.noSite")}>
            {t("access.noSiteWhy")}
          </Empty>
        }
      />
    </PageFrame>
  );
}
