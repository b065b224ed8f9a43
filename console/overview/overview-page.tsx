/** What waits for whoever looks, and what runs; and the first three steps where there is nothing yet. */
import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { useLinkProps } from "@tanstack/react-router";
import { useMay, useMe } from "../api/me.ts";
import { useReadList } from "../api/read.ts";
import { Empty, Go, PageFrame, Shown } from "../page/page.tsx";
import { useText } from "./text.ts";

const useStyles = makeStyles({
  tiles: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fill, minmax(220px, 1fr))",
    gap: tokens.spacingHorizontalM,
  },
  // Fluent's card would be a tenth of what the first page loads.
  tile: {
    padding: tokens.spacingHorizontalM,
    borderRadius: tokens.borderRadiusMedium,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    boxShadow: tokens.shadow4,
    color: "inherit",
    textDecorationLine: "none",
    ":hover": { backgroundColor: tokens.colorNeutralBackground1Hover },
    "& h3": { margin: 0, fontSize: tokens.fontSizeBase300 },
  },
  count: { fontSize: tokens.fontSizeHero800, lineHeight: tokens.lineHeightHero800 },
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

/** What waits for a second person in any tenant that is within reach, each with the way to it. */
function Approvals({ tenants }: { tenants: ReadonlyMap<string, string> }) {
  const t = useText();
  const { body = [], hasMore } = useReadList(
    "GET /api/v1/approvals",
    { query: { top: 50 } },
    { everySeconds: 30 },
  );
  if (body.length === 0) return null;
  return (
    <section>
      <h2>{t("overview.approvals", { count: `${body.length}${hasMore ? "+" : ""}` })}</h2>
      <ul>
        {body.map(({ approvalId: approval, tenantId, subject, createdAt }) => (
          <li key={`${tenantId} ${approval}`}>
            <Go
              to={{
                to: "/tenants/$tenantId/approvals",
                params: { tenantId },
                search: { approval },
              }}
            >
              {t("overview.approval", {
                tenant: tenants.get(tenantId) ?? tenantId,
                what: t.named("actions", subject.action),
                count: subject.count,
              })}
            </Go>{" "}
            {t.since(createdAt)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Tile({ status, count }: { status: Counted; count: number }) {
  const t = useText();
  const styles = useStyles();
  const link = useLinkProps({ to: "/tenants", search: { status } } as never);
  return (
    <a {...link} className={styles.tile}>
      <h3>{t(`overview.${status}`)}</h3>
      <div className={mergeClasses(styles.count, count === 0 && styles.none)}>
        {t.number(count)}
      </div>
    </a>
  );
}

export function Page() {
  const t = useText();
  const styles = useStyles();
  const me = useMe();
  const may = useMay();
  const mayRead = may("tenants.read");
  const mayDecide = may("approvals.read");
  const query = { top: 1000 };
  const list = useReadList(
    "GET /api/v1/tenants",
    { query },
    { everySeconds: 10, enabled: mayRead },
  );
  const name = me.body?.name;
  const isOutside = me.body !== undefined && !mayRead;
  return (
    <PageFrame
      title={t("overview.title")}
      lead={name === undefined ? undefined : t("overview.hello", { name })}
    >
      {isOutside && <Empty title={t("overview.noTenant")}>{t("overview.noTenantWhy")}</Empty>}
      {!isOutside && (
        <Shown reading={list}>
          {(tenants) => {
            const counted = (status: Counted) =>
              tenants.filter(({ sync }) => sync?.status === status).length;
            const tiles = (of: readonly Counted[]) => (
              <div className={styles.tiles}>
                {of.map((status) => (
                  <Tile key={status} status={status} count={counted(status)} />
                ))}
              </div>
            );
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
                  {tiles(waiting)}
                </section>
                {mayDecide && (
                  <Approvals
                    tenants={new Map(tenants.map((each) => [each.tenantId, each.displayName]))}
                  />
                )}
                <section>
                  <h2>{t("overview.running")}</h2>
                  {tiles(running)}
                </section>
              </>
            );
          }}
        </Shown>
      )}
    </PageFrame>
  );
}
