/** Imports the directory of a tenant again, and says how far it is. */
import { ArrowSyncRegular } from "@fluentui/react-icons";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useRead } from "../api/read.ts";
import { announce } from "../page/announce.tsx";
import { CallButton } from "../page/job/call.tsx";
import { useText } from "./text.ts";

/** The button; while it runs its label counts. */
export function RefreshButton({ tenantId }: { tenantId: string }) {
  const t = useText();
  const queries = useQueryClient();
  const [refreshId, setRefreshId] = useState<string | undefined>(undefined);
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
  const isBusy = refreshId !== undefined;
  const count = body?.counts.fetched ?? 0;
  return (
    <CallButton
      icon={<ArrowSyncRegular />}
      permission="devices.refresh"
      isBusy={isBusy}
      call="POST /api/v1/tenants/{tenantId}/devices/refresh"
      given={{ params: { tenantId } }}
      onDone={(answer) => setRefreshId(answer.body.refreshId)}
    >
      {isBusy ? t("devices.refreshing", { count }) : t("devices.refresh")}
    </CallButton>
  );
}
