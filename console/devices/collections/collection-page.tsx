/** A collection: its members now, and what is sent to them. */
import { Text as Words } from "@fluentui/react-components";
import { DeleteRegular, EditRegular } from "@fluentui/react-icons";
import { useRead, useReadList } from "../../api/read.ts";
import { ActionBar } from "../../notifications/action-bar.tsx";
import { SendPanel } from "../../notifications/send-panel.tsx";
import { CallWindow } from "../../page/job/call.tsx";
import { MayButton } from "../../page/may-button.tsx";
import { Empty, Go, PageFrame, Shown, useGo } from "../../page/page.tsx";
import { DeviceRows } from "../device-rows.tsx";
import { collectionListScreen, collectionScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { CollectionWindow } from "./collection-window.tsx";

export function Page() {
  const t = useText();
  const { tenantId, collectionId } = collectionScreen.useParams();
  const go = useGo();
  const [{ send, window: open }, change] = collectionScreen.useSearchState();
  const params = { tenantId, collectionId };
  const reading = useRead("GET /api/v1/tenants/{tenantId}/collections/{collectionId}", { params });
  const { body, etag = "" } = reading;
  const manage = { permission: "collections.manage" } as const;
  const close = () => change({ window: undefined });
  return (
    <PageFrame
      title={body?.name ?? t("devices.collection")}
      above={<Go to={collectionListScreen.at({ tenantId })}>{t("devices.collections")}</Go>}
      lead={body?.description}
      bar={
        <>
          <ActionBar
            of="collection"
            tenantId={tenantId}
            onSend={(action) => change({ send: action })}
          />
          <MayButton {...manage} icon={<EditRegular />} onClick={() => change({ window: "edit" })}>
            {t("devices.change")}
          </MayButton>
          <MayButton
            {...manage}
            icon={<DeleteRegular />}
            onClick={() => change({ window: "remove" })}
          >
            {t("devices.remove")}
          </MayButton>
        </>
      }
    >
      <Shown reading={reading}>{() => <Members {...params} />}</Shown>
      {send !== undefined && body && (
        <SendPanel
          tenantId={tenantId}
          send={send}
          to={{
            target: { kind: "collection", collectionId },
            words: t("devices.membersOf", { name: body.name }),
          }}
          onChange={(action) => change({ send: action })}
        />
      )}
      {open === "edit" && body && (
        <CollectionWindow
          tenantId={tenantId}
          initial={
            body.kind === "rule"
              ? { kind: "rule", name: body.name, description: body.description, rule: body.rule }
              : {
                  kind: "static",
                  name: body.name,
                  description: body.description,
                  deviceIds: body.deviceIds,
                }
          }
          existing={{ collectionId, etag }}
          onClose={close}
        />
      )}
      {open === "remove" && body && (
        <CallWindow
          title={t("devices.removeCollection", { name: body.name })}
          verb={t("devices.remove")}
          call="DELETE /api/v1/tenants/{tenantId}/collections/{collectionId}"
          given={{ params, ifMatch: etag }}
          onDone={() => go(collectionListScreen.at({ tenantId }))}
          onClose={close}
        >
          {t("devices.removeWhat")}
        </CallWindow>
      )}
    </PageFrame>
  );
}

type Ids = { readonly tenantId: string; readonly collectionId: string };

function Members(params: Ids) {
  const t = useText();
  const name = "GET /api/v1/tenants/{tenantId}/collections/{collectionId}/members";
  const first = useRead(name, { params, query: { top: 1 } });
  const reading = useReadList(name, { params });
  const count = first.body?.count ?? 0;
  const words = first.body?.countComplete === false ? "devices.membersAtLeast" : "devices.members";
  return (
    <DeviceRows
      tenantId={params.tenantId}
      reading={reading}
      above={
        first.body && (
          <Words weight="semibold" data-members={count}>
            {t(words, { count })}
          </Words>
        )
      }
      empty={<Empty title={t("devices.noMember")}>{t("devices.noMemberWhy")}</Empty>}
    />
  );
}
