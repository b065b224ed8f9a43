/** The collections of a tenant. */
import { AddRegular, CollectionsRegular } from "@fluentui/react-icons";
import { useReadList } from "../../api/read.ts";
import { Listed } from "../../page/job/listed.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Empty, Go, PageFrame } from "../../page/page.tsx";
import { collectionListScreen, collectionScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { CollectionWindow } from "./collection-window.tsx";

export function Page() {
  const t = useText();
  const { tenantId } = collectionListScreen.useParams();
  const [{ window: open }, change] = collectionListScreen.useSearchState();
  const reading = useReadList("GET /api/v1/tenants/{tenantId}/collections", {
    params: { tenantId },
  });
  const at = (collectionId: string) => collectionScreen.at({ tenantId, collectionId });
  const manage = { permission: "collections.manage" } as const;
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
      <Listed
        reading={reading}
        label={t("devices.collections")}
        idOf={({ collectionId }) => collectionId}
        nameOf={({ name }) => name}
        columns={{
          [t("devices.collectionName")]: ({ collectionId, name }) => (
            <Go to={at(collectionId)}>{name}</Go>
          ),
          [t("devices.kind")]: ({ kind, deviceIdCount = 0 }) =>
            kind === "rule" ? t("devices.byRule") : t("devices.chosen", { count: deviceIdCount }),
          [t("devices.description")]: ({ description }) => description,
          [t("devices.changed")]: ({ updatedAt }) => t.dateTime(updatedAt),
        }}
        widths="1fr 1fr 2fr 1fr"
        empty={
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
        }
      />
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
