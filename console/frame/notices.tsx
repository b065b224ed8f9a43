/** What stands in the way on every page: the session is over, the network is gone, a new version has come, or the tenant is paused. */
import { Button, makeStyles } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { useConnection, useIsOver } from "../api/connection.tsx";
import { useMay } from "../api/me.ts";
import { useRead } from "../api/read.ts";
import { announce } from "../page/announce.tsx";
import { Note } from "../page/look/note.tsx";
import { Window } from "../page/window.tsx";
import { readConfig } from "../session/config.ts";
import { useSharedText } from "../text/text.ts";

const useStyles = makeStyles({ bar: { borderRadius: 0, flexShrink: 0 } });

const watchOnline = (changed: () => void): (() => void) => {
  addEventListener("online", changed);
  addEventListener("offline", changed);
  return () => {
    removeEventListener("online", changed);
    removeEventListener("offline", changed);
  };
};

/** Nothing is read while the network is gone; what was read stays. */
function Offline() {
  const t = useSharedText();
  const online = useSyncExternalStore(watchOnline, () => navigator.onLine);
  const styles = useStyles();
  const words = t("frame.offline");
  useEffect(() => {
    if (!online) announce(words);
  }, [online, words]);
  if (online) return null;
  return (
    <Note intent="warning" className={styles.bar} data-state="offline">
      {words}
    </Note>
  );
}

const versionEveryMs = 5 * 60_000;

/** The installation serves another version than the one that this page is of. */
function NewVersion() {
  const t = useSharedText();
  const styles = useStyles();
  const { config } = useConnection();
  const { data } = useQuery({
    queryKey: ["config"],
    queryFn: readConfig,
    refetchInterval: versionEveryMs,
  });
  if (data === undefined || data.version === config.version) return null;
  return (
    <Note
      className={styles.bar}
      data-state="new-version"
      title={t("frame.newVersion")}
      actions={<Button onClick={() => location.reload()}>{t("frame.reload")}</Button>}
    >
      {t("frame.newVersionWhy")}
    </Note>
  );
}

/** Signing in again keeps the page: its state stands in the address. */
function SessionOver() {
  const t = useSharedText();
  const isOver = useIsOver();
  const { session, isOver: flag } = useConnection();
  if (!isOver) return null;
  return (
    <Window
      title={t("frame.sessionOver")}
      onClose={() => flag.set(false)}
      actions={
        <Button appearance="primary" onClick={() => void session.signIn()}>
          {t("frame.signInAgain")}
        </Button>
      }
    >
      {t("frame.sessionOverWhy")}
    </Window>
  );
}

/** The tenant that the page is about is paused: since when, and why, as whoever paused it said. */
function Paused({ tenantId }: { tenantId: string }) {
  const t = useSharedText();
  const styles = useStyles();
  const { body, isOfAnother } = useRead(
    "GET /api/v1/tenants/{tenantId}",
    { params: { tenantId } },
    { every: () => 60, enabled: useMay()("tenants.read", tenantId) },
  );
  if (body?.pausedAt === undefined || isOfAnother) return null;
  return (
    <Note
      className={styles.bar}
      data-state="paused"
      title={t("frame.paused", { at: t.dateTime(body.pausedAt) })}
    >
      {body.pauseReason}
    </Note>
  );
}

/** All of them, on a page that may be one of a tenant. */
export const Notices = ({ tenantId }: { tenantId: string | undefined }) => (
  <>
    <Offline />
    <NewVersion />
    {tenantId !== undefined && <Paused tenantId={tenantId} />}
    <SessionOver />
  </>
);
