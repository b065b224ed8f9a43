/** The collections of a tenant. */
import { AddRegular, CollectionsRegular } from "@fluentui/react-icons";
import type { Answered } from "../../../clients/api.ts";
import { useReadList } from "../../api/read.ts";
import { MayButton } from "../../page/may-button.tsx";
import { Go, PageFrame } from "../../page/page.tsx";
import { Empty, Shown } from "../../page/page-state.tsx";
import { Rows } from "../../page/rows.tsx";
import { useFormat } from "../../text/format.ts";
import { collectionListScreen, collectionScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { CollectionWindow } from "./collection-window.tsx";

const name = "GET /api/v1/tenants/{tenantId}/collections";
type Summary = Extract<Answered<typeof name>, { readonly status: 200 }>["body"]["value"][number];

/** The page. */
export function Page() {
  const t = useText();
  const { tenantId } = collectionListScreen.useParams();
  const { window: open } = collectionListScreen.useSearch();
  const change = collectionListScreen.useChangeSearch();
  const reading = useReadList(name, { params: { tenantId } });
  const manage = { permission: "collections.manage", tenantId } as const;
  const make = () => change({ window: "new" });
  return (
    <PageFrame
      title={t("devices.collections")}
      bar={
        <MayButton {...manage} icon={<AddRegular />} onClick={make}>
          {t("devices.newCollection")}
        </MayButton>
      }
    >
      <Shown reading={reading}>
        {(collections) =>
          collections.length === 0 && !reading.hasMore ? (
            <Empty
              icon={<CollectionsRegular />}
              title={t("devices.noCollection")}
              action={
                <MayButton {...manage} appearance="secondary" onClick={make}>
                  {t("devices.newCollection")}
                </MayButton>
              }
            >
              {t("devices.noCollectionWhy")}
            </Empty>
          ) : (
            <Table tenantId={tenantId} collections={collections} {...reading} />
          )
        }
      </Shown>
      {open === "new" && (
        <CollectionWindow
          tenantId={tenantId}
          initial={{
            kind: "rule",
            name: "",
            rule: { and: [{ property: "operatingSystem", operator: "equals", value: "Windows" }] },
          }}
          onClose={() => change({ window: undefined })}
        />
      )}
    </PageFrame>
  );
}

function Table(props: {
  readonly tenantId: string;
  readonly collections: readonly Summary[];
  readonly hasMore: boolean;
  readonly readMore: () => void;
}) {
  const { tenantId, collections, hasMore, readMore } = props;
  const t = useText();
  const { dateTime } = useFormat();
  const columns = [
    {
      id: "name",
      title: t("devices.collectionName"),
      render: (each: Summary) => (
        <Go to={collectionScreen.at({ tenantId, collectionId: each.collectionId })}>{each.name}</Go>
      ),
    },
    {
      id: "kind",
      title: t("devices.kind"),
      render: ({ kind, deviceIdCount = 0 }: Summary) =>
        kind === "rule" ? t("devices.byRule") : t("devices.chosen", { count: deviceIdCount }),
    },
    {
      id: "description",
      title: t("devices.description"),
      width: "2fr",
      render: ({ description = "" }: Summary) => description,
    },
    {
      id: "changed",
      title: t("devices.changed"),
      render: ({ updatedAt }: Summary) => dateTime(updatedAt),
    },
  ];
  return (
    <Rows
      label={t("devices.collections")}
      columns={columns}
      items={collections}
      idOf={({ collectionId }) => collectionId}
      nameOf={(each) => each.name}
      hasMore={hasMore}
      readMore={readMore}
    />
  );
}
