/** Imports the directory of a tenant again, and says how far it is. */
import { ArrowSyncRegular } from "@fluentui/react-icons";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useRead } from "../api/read.ts";
import { useSend } from "../api/send.ts";
import { announce } from "../page/announce.tsx";
import { MayButton } from "../page/may-button.tsx";
import { ProblemView } from "../page/problem-view.tsx";
import { useText } from "./text.ts";

/** The button; while it runs its label counts. */
export function RefreshButton(props: { readonly tenantId: string }) {
  const { tenantId } = props;
  const t = useText();
  const queries = useQueryClient();
  const [refreshId, setRefreshId] = useState<string | undefined>(undefined);
  const sending = useSend("POST /api/v1/tenants/{tenantId}/devices/refresh");
  const { body } = useRead(
    "GET /api/v1/tenants/{tenantId}/refreshes/{refreshId}",
    { params: { tenantId, refreshId: refreshId ?? "" } },
    { enabled: refreshId !== undefined },
  );
  const isOver = body?.finishedAt !== undefined;
  const words = t("devices.refreshed", { count: body?.counts.fetched ?? 0 });
  useEffect(() => {
    if (!isOver) return;
    announce(words);
    setRefreshId(undefined);
    void queries.invalidateQueries();
  }, [isOver, words, queries]);
  const start = async () => {
    const answer = await sending.send({ params: { tenantId } });
    setRefreshId(answer?.body.refreshId);
  };
  const isBusy = sending.isSending || refreshId !== undefined;
  return (
    <>
      <MayButton
        icon={<ArrowSyncRegular />}
        permission="devices.refresh"
        tenantId={tenantId}
        isBusy={isBusy}
        onClick={() => void start()}
      >
        {isBusy
          ? t("devices.refreshing", { count: body?.counts.fetched ?? 0 })
          : t("devices.refresh")}
      </MayButton>
      {sending.problem && <ProblemView problem={sending.problem} />}
    </>
  );
}
