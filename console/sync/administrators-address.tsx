/** The address at which a tenant's administrator consents: asked for, and shown to whoever sends it to them. */
import { Body1, Link, makeStyles } from "@fluentui/react-components";
import { useState } from "react";
import type { BodyOf } from "../../clients/api.ts";
import { useSend } from "../api/send.ts";
import { CopyButton } from "../page/copy-button.tsx";
import { Line } from "../page/look/line.tsx";
import { type SyncIds, useText } from "./text.ts";

type Address = BodyOf<"POST /api/v1/tenants/{tenantId}/syncs/{syncId}/consent">;

const useStyles = makeStyles({
  address: { overflowWrap: "anywhere" },
});

/** The address, once somebody has asked for it. */
export function useAdministratorsAddress(ids: SyncIds) {
  const { send, problem } = useSend("POST /api/v1/tenants/{tenantId}/syncs/{syncId}/consent");
  const [address, setAddress] = useState<Address>();
  const ask = () => void send({ params: ids }).then((answer) => setAddress(answer?.body));
  return { address, ask, problem };
}

export function AdministratorsAddress({ address: { url, expiresAt } }: { address: Address }) {
  const t = useText();
  const styles = useStyles();
  return (
    <div>
      <Body1>{t("sync.addressWhy", { until: t.dateTime(expiresAt) })}</Body1>
      <Line>
        <Link href={url} target="_blank" rel="noreferrer" className={styles.address}>
          {url}
        </Link>
        <CopyButton text={() => url} />
      </Line>
    </div>
  );
}
