/** The ConfigMgr sites of a tenant, and whether their relays are heard of. */
import { ServerRegular } from "@fluentui/react-icons";
import type { Answered } from "../../clients/api.ts";
import { useReadList } from "../api/read.ts";
import { PageFrame } from "../page/page.tsx";
import { Empty, Shown } from "../page/page-state.tsx";
import { Rows } from "../page/rows.tsx";
import { useFormat } from "../text/format.ts";
import { sitesScreen } from "./screens.ts";
import { useText } from "./text.ts";

const name = "GET /api/v1/tenants/{tenantId}/sites";
type Site = Extract<Answered<typeof name>, { readonly status: 200 }>["body"]["value"][number];

/** The page. */
export function Page() {
  const t = useText();
  const { number, since, dateTime } = useFormat();
  const { tenantId } = sitesScreen.useParams();
  const reading = useReadList(name, { params: { tenantId } }, { everySeconds: 30 });
  const columns = [
    { id: "site", title: t("access.site"), render: ({ siteCode }: Site) => siteCode },
    {
      id: "devices",
      title: t("access.devices"),
      render: ({ devices }: Site) => number(devices),
    },
    {
      id: "reported",
      title: t("access.reported"),
      render: ({ reportedAt }: Site) => dateTime(reportedAt),
    },
    {
      id: "seen",
      title: t("access.relaySeen"),
      render: ({ relaySeenAt: at }: Site) => (at === undefined ? t("access.never") : since(at)),
    },
  ];
  return (
    <PageFrame title={t("access.sites")}>
      <Shown reading={reading}>
        {(sites) =>
          sites.length === 0 ? (
            <Empty icon={<ServerRegular />} title={t("access.noSite")}>
              {t("access.noSiteWhy")}
            </Empty>
          ) : (
            <Rows
              label={t("access.sites")}
              columns={columns}
              items={sites}
              idOf={({ siteCode }) => siteCode}
              nameOf={({ siteCode }) => siteCode}
            />
          )
        }
      </Shown>
    </PageFrame>
  );
}
