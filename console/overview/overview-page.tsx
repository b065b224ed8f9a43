/** What waits for whoever looks, and what runs; and the first three steps where there is nothing yet. */
import {
  Card,
  CardHeader,
  makeStyles,
  Subtitle2,
  Title1,
  tokens,
} from "@fluentui/react-components";
import { useLinkProps } from "@tanstack/react-router";
import { useMe } from "../api/me.ts";
import { useReadList } from "../api/read.ts";
import { PageFrame } from "../page/page.tsx";
import { Shown } from "../page/page-state.tsx";
import { useFormat } from "../text/format.ts";
import { textsOf } from "../text/text.ts";
import en from "./en.json";
import fr from "./fr.json";

const useText = textsOf(en, fr);

const useStyles = makeStyles({
  tiles: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fill, minmax(220px, 1fr))",
    gap: tokens.spacingHorizontalM,
  },
  tile: { textDecorationLine: "none", color: "inherit", borderRadius: tokens.borderRadiusMedium },
  none: { color: tokens.colorNeutralForeground3 },
  steps: { lineHeight: tokens.lineHeightBase500 },
});

/** What takes a person, the most urgent first. */
const waiting = [
  "pendingAuthentication",
  "newError",
  "pendingApproval",
  "pendingAdminConsent",
  "partiallySucceeded",
] as const;
const running = ["starting", "inProgress"] as const;
type Counted = (typeof waiting)[number] | (typeof running)[number];

function Tile({ status, count }: { readonly status: Counted; readonly count: number }) {
  const t = useText();
  const styles = useStyles();
  const { number } = useFormat();
  const link = useLinkProps({ to: "/tenants", search: { status } } as never);
  return (
    <a {...link} className={styles.tile}>
      <Card>
        <CardHeader header={<Subtitle2 as="h3">{t(`overview.${status}`)}</Subtitle2>} />
        <Title1 className={count === 0 ? styles.none : undefined}>{number(count)}</Title1>
      </Card>
    </a>
  );
}

/** The page. */
export function Page() {
  const t = useText();
  const styles = useStyles();
  const me = useMe();
  const list = useReadList("GET /api/v1/tenants", { query: { top: 1000 } }, { everySeconds: 10 });
  const name = me.body?.name;
  return (
    <PageFrame
      title={t("overview.title")}
      lead={name === undefined ? undefined : t("overview.hello", { name })}
    >
      <Shown reading={list}>
        {(tenants) => {
          const counted = (status: Counted) =>
            tenants.filter(({ sync }) => sync?.status === status).length;
          if (tenants.length === 0)
            return (
              <section>
                <h2>{t("overview.begin")}</h2>
                <ol className={styles.steps}>
                  <li>{t("overview.step1")}</li>
                  <li>{t("overview.step2")}</li>
                  <li>{t("overview.step3")}</li>
                </ol>
              </section>
            );
          return (
            <>
              <section>
                <h2>{t("overview.waiting")}</h2>
                <div className={styles.tiles}>
                  {waiting.map((status) => (
                    <Tile key={status} status={status} count={counted(status)} />
                  ))}
                </div>
              </section>
              <section>
                <h2>{t("overview.running")}</h2>
                <div className={styles.tiles}>
                  {running.map((status) => (
                    <Tile key={status} status={status} count={counted(status)} />
                  ))}
                </div>
              </section>
            </>
          );
        }}
      </Shown>
    </PageFrame>
  );
}
