/** Where one can go: the screens that whoever looks may see, in sections, and the one that they are at. */
import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { useLinkProps, useMatches } from "@tanstack/react-router";
import { useId } from "react";
import { useMay } from "../api/me.ts";
import { navSections, type Screen } from "../page/screen.ts";
import { useSharedText } from "../text/text.ts";
import { useTenantId } from "./tenant.ts";

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalM,
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalS}`,
    backgroundColor: tokens.colorNeutralBackground2,
    borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    minHeight: "100%",
    boxSizing: "border-box",
  },
  heading: {
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
    color: tokens.colorNeutralForeground2,
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}`,
    margin: 0,
  },
  list: { listStyleType: "none", margin: 0, padding: 0 },
  link: {
    display: "flex",
    alignItems: "center",
    gap: tokens.spacingHorizontalM,
    minHeight: "32px",
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}`,
    borderRadius: tokens.borderRadiusMedium,
    color: tokens.colorNeutralForeground1,
    fontSize: tokens.fontSizeBase300,
    textDecorationLine: "none",
    ":hover": { backgroundColor: tokens.colorNeutralBackground2Hover },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}` },
    "& svg": { flexShrink: 0, fontSize: "20px" },
  },
  here: {
    fontWeight: tokens.fontWeightSemibold,
    backgroundColor: tokens.colorNeutralBackground2Selected,
    boxShadow: `inset 3px 0 0 ${tokens.colorCompoundBrandStroke}`,
    "& svg": { color: tokens.colorCompoundBrandForeground1 },
  },
});

/** The entry that the page which is open belongs to: of those above it in the address, the closest. */
function useEntryHere(seen: readonly Screen[]): Screen | undefined {
  const here = useMatches().at(-1)?.fullPath ?? "";
  return seen
    .filter(({ path }) => here === path || (path !== "/" && here.startsWith(`${path}/`)))
    .toSorted((one, other) => other.path.length - one.path.length)[0];
}

function Entry(props: { of: Screen; isHere: boolean; tenantId: string | undefined }) {
  const { path, title, nav } = props.of;
  const styles = useStyles();
  const t = useSharedText();
  const { isHere } = props;
  const params = { tenantId: props.tenantId };
  const link = useLinkProps({ to: path, params, activeOptions: { exact: true } } as never);
  const Icon = nav?.icon;
  return (
    <li>
      <a
        {...link}
        className={mergeClasses(styles.link, isHere && styles.here)}
        aria-current={isHere ? "page" : undefined}
      >
        {Icon && <Icon />}
        {t.name(title)}
      </a>
    </li>
  );
}

export function Navigation(props: { screens: readonly Screen[] }) {
  const t = useSharedText();
  const styles = useStyles();
  const may = useMay();
  const tenantId = useTenantId();
  const id = useId();
  const seen = props.screens.filter(({ path, permission, nav }) => {
    const isOfTenant = path.includes("$tenantId");
    if (nav === undefined || (isOfTenant && tenantId === undefined)) return false;
    return permission === undefined || may(permission, isOfTenant ? tenantId : undefined);
  });
  const here = useEntryHere(seen);
  return (
    <nav className={styles.root} aria-label={t("frame.nav")}>
      {navSections.map((section) => {
        const entries = seen.filter(({ nav }) => nav?.section === section);
        if (entries.length === 0) return null;
        return (
          <div key={section}>
            {section !== "home" && (
              <h2 id={`${id}-${section}`} className={styles.heading}>
                {t(`frame.section.${section}`)}
              </h2>
            )}
            <ul
              className={styles.list}
              aria-labelledby={section === "home" ? undefined : `${id}-${section}`}
            >
              {entries.map((each) => (
                <Entry key={each.path} of={each} isHere={each === here} tenantId={tenantId} />
              ))}
            </ul>
          </div>
        );
      })}
    </nav>
  );
}
