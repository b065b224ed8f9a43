/** The frame around all pages, and the way from an address to the screen that it names. */
import { Button, makeStyles, OverlayDrawer, tokens } from "@fluentui/react-components";
import { DocumentErrorRegular, ErrorCircleRegular } from "@fluentui/react-icons";
import {
  createRootRoute,
  createRoute,
  createRouter,
  type ErrorComponentProps,
  lazyRouteComponent,
  Outlet,
  useRouterState,
} from "@tanstack/react-router";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useMay, useMe } from "../api/me.ts";
import { useLearning } from "../api/names.ts";
import { announce, LiveRegion } from "../page/announce.tsx";
import { Empty, Forbidden, PageFrame, Shown, Waiting } from "../page/page.tsx";
import { type Screen, searchIn } from "../page/screen.ts";
import { useSharedText } from "../text/text.ts";
import { Header } from "./header.tsx";
import { Navigation } from "./navigation.tsx";
import { Notices } from "./notices.tsx";
import { chooseTenant } from "./tenant.ts";

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexDirection: "column",
    height: "100dvh",
    backgroundColor: tokens.colorNeutralBackground1,
    color: tokens.colorNeutralForeground1,
  },
  below: { display: "flex", minHeight: 0, flexGrow: 1 },
  nav: { width: "240px", flexShrink: 0, overflowY: "auto" },
  main: { flexGrow: 1, minWidth: 0, overflow: "auto", outlineStyle: "none" },
  drawer: { width: "280px", maxWidth: "90vw", overflowY: "auto" },
  skip: {
    position: "absolute",
    left: "-9999px",
    ":focus": {
      left: tokens.spacingHorizontalM,
      top: tokens.spacingVerticalS,
      zIndex: 10,
      padding: tokens.spacingVerticalS,
      backgroundColor: tokens.colorNeutralBackground1,
      color: tokens.colorNeutralForeground1,
    },
  },
});

const narrow = matchMedia("(max-width: 860px)");
const watchNarrow = (changed: () => void): (() => void) => {
  narrow.addEventListener("change", changed);
  return () => narrow.removeEventListener("change", changed);
};

/** Whoever goes to another page finds the focus at its name, and hears it; changes of parameters leave it alone. */
function useFocusOnName(title: string): void {
  const pathname = useRouterState({ select: ({ location }) => location.pathname });
  const before = useRef(pathname);
  useEffect(() => {
    document.title = `${title} - Muster`;
  }, [title]);
  useEffect(() => {
    if (before.current === pathname) return undefined;
    before.current = pathname;
    announce(title);
    // The page's chunk may still be on its way.
    let tries = 50;
    const timer = setInterval(() => {
      const name = document.querySelector<HTMLElement>("main h1");
      name?.focus({ preventScroll: false });
      tries -= 1;
      if (name || tries === 0) clearInterval(timer);
    }, 50);
    return () => clearInterval(timer);
  }, [pathname, title]);
}

/** The pattern of the path that is shown, and the tenant in it. */
function useHere(): { readonly path: string | undefined; readonly tenantId: string | undefined } {
  const path = useRouterState({
    select: ({ matches }): string | undefined => matches.at(-1)?.fullPath,
  });
  const tenantId = useRouterState({
    select: ({ matches }) =>
      (matches.at(-1)?.params as { tenantId?: string } | undefined)?.tenantId,
  });
  return { path, tenantId };
}

function Frame({ screens }: { screens: readonly Screen[] }) {
  const t = useSharedText();
  const styles = useStyles();
  const isNarrow = useSyncExternalStore(watchNarrow, () => narrow.matches);
  const [openWide, setOpenWide] = useState(true);
  const [openOver, setOpenOver] = useState(false);
  const [isOpen, setOpen] = isNarrow ? [openOver, setOpenOver] : [openWide, setOpenWide];
  const { path, tenantId } = useHere();
  useLearning();
  const here = screens.find((each) => each.path === path);
  useFocusOnName(here === undefined ? t("frame.notFound") : t.name(here.title));
  useEffect(() => setOpenOver(false), [path]);
  useEffect(() => {
    if (tenantId !== undefined) chooseTenant(tenantId);
  }, [tenantId]);
  return (
    <div className={styles.root}>
      <a href="#main" className={styles.skip} onClick={skip}>
        {t("frame.skip")}
      </a>
      <Header screens={screens} isNavOpen={isOpen} onNav={() => setOpen(!isOpen)} />
      <Notices tenantId={tenantId} />
      <div className={styles.below}>
        {isNarrow ? (
          <OverlayDrawer
            open={isOpen}
            onOpenChange={(_event, { open }) => setOpen(open)}
            className={styles.drawer}
            aria-label={t("frame.nav")}
          >
            <Navigation screens={screens} />
          </OverlayDrawer>
        ) : (
          isOpen && (
            <div className={styles.nav}>
              <Navigation screens={screens} />
            </div>
          )
        )}
        <main id="main" tabIndex={-1} className={styles.main}>
          <Outlet />
        </main>
      </div>
      <LiveRegion />
    </div>
  );
}

function skip(event: { preventDefault: () => void }): void {
  // The address is what the page is about; this is no other page.
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** A screen for who may see it. */
function Guarded({
  of,
}: {
  of: Screen & { readonly Page: ReturnType<typeof lazyRouteComponent> };
}) {
  const { permission, title, Page, path } = of;
  const t = useSharedText();
  const me = useMe();
  const may = useMay();
  const { tenantId } = useHere();
  if (permission === undefined) return <Page />;
  if (me.body === undefined || !may(permission, path.includes("$tenantId") ? tenantId : undefined))
    return (
      <PageFrame title={t.name(title)}>
        <Shown reading={me}>{() => <Forbidden permission={permission} />}</Shown>
      </PageFrame>
    );
  return <Page />;
}

function NotFound() {
  const t = useSharedText();
  return (
    <PageFrame title={t("frame.notFound")}>
      <Empty icon={<DocumentErrorRegular />} title={t("frame.notFoundTitle")}>
        {t("frame.notFoundWhy")}
      </Empty>
    </PageFrame>
  );
}

/** A fault of the console's own, or a part of it that is not served any more. */
function Broken({ error }: ErrorComponentProps) {
  const t = useSharedText();
  return (
    <PageFrame title={t("frame.broken")}>
      <Empty
        icon={<ErrorCircleRegular />}
        title={t("frame.brokenTitle")}
        action={<Button onClick={() => location.reload()}>{t("frame.reload")}</Button>}
      >
        {`${t("frame.brokenWhy")} ${String(error)}`}
      </Empty>
    </PageFrame>
  );
}

/** Parameters are plain texts: an address can be read, typed, and kept in a ticket. */
const parseSearch = (text: string): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(text));
function stringifySearch(search: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(entries as [string, string][]).toString();
  return text === "" ? "" : `?${text}`;
}

/** The router of these screens. */
export function routerOf(screens: readonly Screen[]) {
  const root = createRootRoute({
    component: () => <Frame screens={screens} />,
    notFoundComponent: NotFound,
    errorComponent: Broken,
  });
  const routes = screens.map((each) => {
    const Page = lazyRouteComponent(each.load, "Page");
    return createRoute({
      getParentRoute: () => root,
      path: each.path,
      validateSearch: (given: Record<string, unknown>) => searchIn(each.search ?? {}, given),
      component: () => <Guarded of={{ ...each, Page }} />,
    });
  });
  return createRouter({
    routeTree: root.addChildren(routes),
    basepath: "/console",
    parseSearch,
    stringifySearch,
    defaultPendingComponent: Waiting,
    defaultErrorComponent: Broken,
    scrollRestoration: true,
    scrollToTopSelectors: ["#main"],
  });
}
