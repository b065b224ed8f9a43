/** A collection: its members now, and what is sent to them. */
import { Button, ToolbarButton, Text as Words } from "@fluentui/react-components";
import { DeleteRegular, EditRegular } from "@fluentui/react-icons";
import { useRouter } from "@tanstack/react-router";
import { useMay } from "../../api/me.ts";
import { useRead, useReadList } from "../../api/read.ts";
import { useSend } from "../../api/send.ts";
import { ActionBar } from "../../notifications/action-bar.tsx";
import { SendPanel } from "../../notifications/send-panel.tsx";
import { Go, PageFrame } from "../../page/page.tsx";
import { Empty, Shown } from "../../page/page-state.tsx";
import { ProblemView } from "../../page/problem-view.tsx";
import { Window } from "../../page/window.tsx";
import { DeviceRows } from "../device-rows.tsx";
import { collectionListScreen, collectionScreen } from "../screens.ts";
import { useText } from "../text.ts";
import { CollectionWindow } from "./collection-window.tsx";

/** The page. */
export function Page() {
  const t = useText();
  const may = useMay();
  const { tenantId, collectionId } = collectionScreen.useParams();
  const { send, window: open } = collectionScreen.useSearch();
  const change = collectionScreen.useChangeSearch();
  const params = { tenantId, collectionId };
  const reading = useRead("GET /api/v1/tenants/{tenantId}/collections/{collectionId}", { params });
  const { body, etag = "" } = reading;
  const mayManage = may("collections.manage", tenantId);
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
          <ToolbarButton
            icon={<EditRegular />}
            disabled={!mayManage}
            onClick={() => change({ window: "edit" })}
          >
            {t("devices.change")}
          </ToolbarButton>
          <ToolbarButton
            icon={<DeleteRegular />}
            disabled={!mayManage}
            onClick={() => change({ window: "remove" })}
          >
            {t("devices.remove")}
          </ToolbarButton>
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
        <RemoveWindow {...params} name={body.name} etag={etag} onClose={close} />
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
    <Shown reading={reading}>
      {(devices) =>
        devices.length === 0 && !reading.hasMore ? (
          <Empty title={t("devices.noMember")}>{t("devices.noMemberWhy")}</Empty>
        ) : (
          <>
            {first.body && (
              <Words weight="semibold" data-members={count}>
                {t(words, { count })}
              </Words>
            )}
            <DeviceRows
              tenantId={params.tenantId}
              devices={devices}
              hasMore={reading.hasMore}
              readMore={reading.readMore}
            />
          </>
        )
      }
    </Shown>
  );
}

function RemoveWindow(
  props: Ids & { readonly name: string; readonly etag: string; readonly onClose: () => void },
) {
  const { tenantId, collectionId, name, etag, onClose } = props;
  const t = useText();
  const router = useRouter();
  const sending = useSend("DELETE /api/v1/tenants/{tenantId}/collections/{collectionId}");
  const remove = async () => {
    const answer = await sending.send({
      params: { tenantId, collectionId },
      ifMatch: etag,
    });
    if (answer !== undefined) void router.navigate(collectionListScreen.at({ tenantId }) as never);
  };
  return (
    <Window
      title={t("devices.removeCollection", { name })}
      onClose={onClose}
      asks
      actions={
        <>
          <Button
            appearance="primary"
            disabledFocusable={sending.isSending}
            onClick={() => void remove()}
          >
            {t("devices.remove")}
          </Button>
          <Button onClick={onClose}>{t("devices.close")}</Button>
        </>
      }
    >
      {t("devices.removeWhat")}
      {sending.problem && <ProblemView problem={sending.problem} />}
    </Window>
  );
}
