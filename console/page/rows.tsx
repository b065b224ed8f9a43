/**
 * A list of any length as a table: only the rows that somebody looks at are in the document, and the next page is read
 * when its end comes near. It scrolls with the page. Narrow, each row is a card.
 */
import {
  Button,
  Checkbox,
  Menu,
  MenuPopover,
  makeStyles,
  mergeClasses,
  tokens,
  useArrowNavigationGroup,
} from "@fluentui/react-components";
import { MoreHorizontalRegular } from "@fluentui/react-icons";
import {
  defaultRangeExtractor,
  elementScroll,
  observeElementOffset,
  useVirtualizer,
  type VirtualItem,
} from "@tanstack/react-virtual";
import {
  type DragEvent,
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { useSharedText } from "../text/text.ts";
import { unseen } from "./announce.tsx";

/** What columns show of an item, by their titles. */
export type Columns<Item> = Readonly<Record<string, (item: Item) => ReactNode>>;

/** Which rows are chosen, by their ids. It outlives pages and filters: whoever keeps it says how many there are. */
export type Choice<Item> = {
  readonly chosen: ReadonlyMap<string, unknown>;
  readonly change: (items: readonly Item[], isChosen: boolean) => void;
};

/** A choice with these as well, or without them; of each its id and what is kept of it. */
export function rechosen<Kept>(
  chosen: ReadonlyMap<string, Kept>,
  items: readonly (readonly [string, Kept])[],
  isChosen: boolean,
): ReadonlyMap<string, Kept> {
  const next = new Map(chosen);
  for (const [id, kept] of items) {
    if (isChosen) next.set(id, kept);
    else next.delete(id);
  }
  return next;
}

/** Which rows are chosen on a page, and what is kept of each. */
export function useChoice<Item, Kept>(of: (item: Item) => readonly [id: string, kept: Kept]) {
  const [chosen, setChosen] = useState<ReadonlyMap<string, Kept>>(new Map());
  return {
    chosen,
    change: (items: readonly Item[], isChosen: boolean) =>
      setChosen(rechosen(chosen, items.map(of), isChosen)),
    clear: () => setChosen(new Map()),
  };
}

type RowsProps<Item> = {
  label: string;
  columns: Columns<Item>;
  /** How wide each is, as CSS grid's tracks; all alike where nothing is said. */
  widths?: string;
  items: readonly Item[];
  idOf: (item: Item) => string;
  /** What a row is called where its checkbox and its menu are named. */
  nameOf: (item: Item) => string;
  hasMore?: boolean;
  readMore?: () => void;
  choice?: Choice<Item>;
  /** What can be done with one row: by its button, by right click, and by Shift+F10. */
  renderMenu?: (item: Item) => ReactNode;
  /** The row that is open beside the list. */
  openId?: string | undefined;
  /** What dragging a row carries, as a text. Whatever takes it there can be done without dragging as well. */
  carries?: (item: Item) => string;
  /** Takes what was dragged onto a row. */
  onDrop?: (item: Item, carried: string) => void;
};

/** Of what rows carry: nothing dragged from elsewhere is taken for it. */
const carriedType = "application/x-muster";

const narrow = "@media (max-width: 720px)";
const useStyles = makeStyles({
  root: { position: "relative", fontSize: tokens.fontSizeBase300 },
  head: {
    position: "sticky",
    top: 0,
    zIndex: 1,
    display: "grid",
    alignItems: "center",
    minHeight: "40px",
    backgroundColor: tokens.colorNeutralBackground1,
    borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
    fontWeight: tokens.fontWeightSemibold,
    [narrow]: { position: "static" },
  },
  body: { position: "relative" },
  row: {
    position: "absolute",
    left: 0,
    right: 0,
    top: 0,
    display: "grid",
    alignItems: "center",
    minHeight: "44px",
    boxSizing: "border-box",
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    // Links stand on it in both themes with contrast enough.
    ":hover": { backgroundColor: tokens.colorNeutralBackground2 },
    ":focus-within": { backgroundColor: tokens.colorNeutralBackground2 },
    [narrow]: { paddingTop: tokens.spacingVerticalS, paddingBottom: tokens.spacingVerticalS },
  },
  chosen: {
    backgroundColor: tokens.colorNeutralBackground2,
    boxShadow: `inset 3px 0 0 ${tokens.colorCompoundBrandStroke}`,
  },
  over: {
    outline: `2px dashed ${tokens.colorCompoundBrandStroke}`,
    outlineOffset: "-2px",
  },
  cell: {
    minWidth: 0,
    padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalS}`,
    overflowWrap: "anywhere",
    [narrow]: { gridColumn: "2" },
  },
  label: {
    display: "none",
    color: tokens.colorNeutralForeground2,
    [narrow]: { display: "inline-block", marginRight: tokens.spacingHorizontalS },
  },
  // Narrow, every cell says its column itself, and the head is for who hears it.
  title: { [narrow]: unseen },
  unseen,
  end: { [narrow]: { gridColumn: "3", gridRow: "1 / span 3", alignSelf: "start" } },
  begin: { [narrow]: { gridColumn: "1", gridRow: "1 / span 3", alignSelf: "start" } },
});

const useNarrow = (): boolean => {
  const [query] = useState(() => matchMedia("(max-width: 720px)"));
  const [now, setNow] = useState(query.matches);
  useEffect(() => {
    const changed = () => setNow(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, [query]);
  return now;
};

const rowHeight = 44;
const cardHeight = 150;
/** Rows beyond the edges, so that the arrow keys find the next one. */
const overscan = 8;
/** The next page is read when fewer rows than this are left. */
const ahead = 30;

/** Browsers cut off what is higher: Chromium at 33,554,428 pixels, some 760,000 rows. */
const highest = 30_000_000;

/** Which rows are in the document. Where all together are too high, a pixel of the scroll bar stands for more than one. */
function useWindowOf(count: number, isNarrow: boolean) {
  const body = useRef<HTMLDivElement>(null);
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  const [scrollMargin, setMargin] = useState(0);
  const focused = useRef<number | undefined>(undefined);
  const scale = useRef(1);
  useLayoutEffect(() => {
    const [rows, main] = [body.current, body.current?.closest("main")];
    if (!rows || !main) return undefined;
    setScroller(main);
    const measure = () => {
      const above = rows.getBoundingClientRect().top - main.getBoundingClientRect().top;
      setMargin(Math.round(above + main.scrollTop));
    };
    // What stands above may come later than the rows.
    const observer = new ResizeObserver(measure);
    for (const each of main.children) observer.observe(each);
    measure();
    return () => observer.disconnect();
  }, []);
  // oxlint-disable-next-line react/incompatible-library -- nothing is compiled that would remember what it answers
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller,
    estimateSize: () => (isNarrow ? cardHeight : rowHeight),
    overscan,
    scrollMargin,
    observeElementOffset: (instance, tell) =>
      observeElementOffset(instance, (offset, isScrolling) =>
        tell(offset * scale.current, isScrolling),
      ),
    scrollToFn: (offset, { adjustments = 0, ...how }, instance) =>
      elementScroll((offset + adjustments) / scale.current, how, instance),
    // The row that has the focus stays, wherever one scrolls.
    rangeExtractor: (range) => {
      const rows = defaultRangeExtractor(range);
      const at = focused.current;
      if (at === undefined || at >= count || rows.includes(at)) return rows;
      return [...rows, at].toSorted((one, other) => one - other);
    },
  });
  const whole = virtual.getTotalSize();
  const seen = scroller?.clientHeight ?? 0;
  const ratio = whole <= highest ? 1 : (whole - seen) / (highest - seen);
  const offset = virtual.scrollOffset ?? 0;
  useLayoutEffect(() => {
    if (scale.current === ratio) return;
    scale.current = ratio;
    // What is looked at stays where it is while more rows come.
    scroller?.scrollTo({ top: offset / ratio });
  }, [ratio, scroller, offset]);
  // A row stands as far from the top of what is seen as it would without the scale.
  const above = scrollMargin + offset - offset / ratio;
  return { body, virtual, focused, above, height: Math.min(whole, highest) };
}

/** Where the menu of a row hangs. */
type OpenMenu<Item> = { readonly item: Item; readonly opener: HTMLElement };

export function Rows<Item>(props: RowsProps<Item>) {
  const { label, columns, items, idOf, hasMore = false, readMore, choice, renderMenu } = props;
  const styles = useStyles();
  const widths = props.widths?.split(" ") ?? Object.keys(columns).map(() => "1fr");
  const isNarrow = useNarrow();
  const arrows = useArrowNavigationGroup({ axis: "grid", memorizeCurrent: true });
  const { body, virtual, focused, above, height } = useWindowOf(items.length, isNarrow);
  const [open, setOpen] = useState<OpenMenu<Item> | undefined>(undefined);
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? -1;
  useEffect(() => {
    if (hasMore && last >= items.length - ahead) readMore?.();
  }, [hasMore, last, items.length, readMore]);
  const tracks = isNarrow
    ? `${choice ? "40px" : "0"} 1fr ${renderMenu ? "40px" : "0"}`
    : [choice && "40px", ...widths.map((width) => `minmax(0, ${width})`), renderMenu && "44px"]
        .filter(Boolean)
        .join(" ");
  const row = (at: VirtualItem) => {
    const item = items[at.index] as Item;
    return (
      <Row
        key={idOf(item)}
        {...props}
        item={item}
        at={at}
        tracks={tracks}
        top={at.start - above}
        measure={virtual.measureElement}
        onFocus={() => {
          focused.current = at.index;
        }}
        onMenu={(opener) => setOpen({ item, opener })}
      />
    );
  };
  return (
    <div
      {...arrows}
      className={styles.root}
      role="grid"
      aria-label={label}
      aria-rowcount={hasMore ? -1 : items.length + 1}
    >
      <Head {...props} tracks={tracks} />
      <div ref={body} role="rowgroup" className={styles.body} style={{ height }}>
        {shown.map(row)}
      </div>
      {renderMenu && open && (
        <RowMenu opener={open.opener} onClose={() => setOpen(undefined)}>
          {renderMenu(open.item)}
        </RowMenu>
      )}
    </div>
  );
}

function Head<Item>(props: RowsProps<Item> & { tracks: string }) {
  const { columns, items, idOf, choice, renderMenu, tracks } = props;
  const t = useSharedText();
  const styles = useStyles();
  const chosen = choice ? items.filter((item) => choice.chosen.has(idOf(item))).length : 0;
  const all = chosen === items.length && items.length > 0;
  return (
    <div role="rowgroup" className={styles.head} style={{ gridTemplateColumns: tracks }}>
      <div role="row" aria-rowindex={1} style={{ display: "contents" }}>
        {choice && (
          <div role="columnheader" aria-label={t("shared.choose")}>
            <Checkbox
              aria-label={t("shared.chooseShown", { count: items.length })}
              checked={all ? true : chosen > 0 ? "mixed" : false}
              onChange={() => choice.change(items, !all)}
            />
          </div>
        )}
        {Object.keys(columns).map((title) => (
          <div key={title} role="columnheader" className={mergeClasses(styles.cell, styles.title)}>
            {title}
          </div>
        ))}
        {renderMenu && (
          <div role="columnheader">
            <span className={styles.unseen}>{t("shared.more")}</span>
          </div>
        )}
      </div>
    </div>
  );
}

/** What a row does with what is dragged: carries it, or takes it. */
function useDragging<Item>(props: RowsProps<Item>, item: Item) {
  const { carries, onDrop } = props;
  const [isOver, setOver] = useState(false);
  const takes = (event: DragEvent): boolean =>
    onDrop !== undefined && event.dataTransfer.types.includes(carriedType);
  const handlers = {
    draggable: carries !== undefined || undefined,
    onDragStart: (event: DragEvent) => {
      if (carries === undefined) return;
      event.dataTransfer.setData(carriedType, carries(item));
      event.dataTransfer.effectAllowed = "copy";
    },
    onDragOver: (event: DragEvent) => {
      if (!takes(event)) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: () => setOver(false),
    onDrop: (event: DragEvent) => {
      setOver(false);
      if (!takes(event)) return;
      event.preventDefault();
      onDrop?.(item, event.dataTransfer.getData(carriedType));
    },
  };
  return { isOver, handlers };
}

/** The item that was chosen last, so that Shift chooses all between; one for each page is enough. */
let lastChosen: number | undefined;

function Row<Item>(
  props: RowsProps<Item> & {
    item: Item;
    at: VirtualItem;
    tracks: string;
    top: number;
    measure: (element: Element | null) => void;
    onFocus: () => void;
    onMenu: (opener: HTMLElement) => void;
  },
) {
  const { columns, items, idOf, nameOf, choice, renderMenu, item, at, tracks, top, measure } =
    props;
  const t = useSharedText();
  const styles = useStyles();
  const { isOver, handlers } = useDragging(props, item);
  const isOpen = props.openId === idOf(item);
  const isChosen = choice?.chosen.has(idOf(item)) ?? false;
  const choose = (isWide: boolean) => {
    const from = isWide ? (lastChosen ?? at.index) : at.index;
    lastChosen = at.index;
    const between = items.slice(Math.min(from, at.index), Math.max(from, at.index) + 1);
    choice?.change(between, !isChosen);
  };
  return (
    <div
      {...handlers}
      ref={measure}
      data-index={at.index}
      role="row"
      aria-rowindex={at.index + 2}
      aria-selected={choice ? isChosen : undefined}
      aria-current={isOpen || undefined}
      className={mergeClasses(
        styles.row,
        (isChosen || isOpen) && styles.chosen,
        isOver && styles.over,
      )}
      style={{ gridTemplateColumns: tracks, transform: `translateY(${top}px)` }}
      onFocus={props.onFocus}
      onContextMenu={(event) => {
        if (renderMenu === undefined) return;
        event.preventDefault();
        const had = document.activeElement as HTMLElement;
        const button = event.currentTarget.querySelector<HTMLElement>("[data-row-menu]");
        props.onMenu(event.currentTarget.contains(had) ? had : (button ?? had));
      }}
    >
      {choice && (
        <div role="gridcell" className={styles.begin}>
          <Checkbox
            aria-label={t("shared.chooseOne", { name: nameOf(item) })}
            checked={isChosen}
            onChange={(event) => choose((event.nativeEvent as MouseEvent).shiftKey)}
          />
        </div>
      )}
      {Object.entries(columns).map(([title, render]) => (
        <div key={title} role="gridcell" className={styles.cell}>
          <span className={styles.label} aria-hidden>
            {title}
          </span>
          {render(item)}
        </div>
      ))}
      {renderMenu && (
        <div role="gridcell" className={styles.end}>
          <Button
            data-row-menu
            appearance="subtle"
            aria-haspopup="menu"
            aria-label={t("shared.moreOf", { name: nameOf(item) })}
            icon={<MoreHorizontalRegular />}
            onClick={(event) => props.onMenu(event.currentTarget)}
          />
        </div>
      )}
    </div>
  );
}

/** The menu of one row; the focus goes back to where it was opened. */
function RowMenu(props: { opener: HTMLElement; onClose: () => void; children: ReactNode }) {
  const { opener, onClose, children } = props;
  return (
    <Menu
      open
      positioning={{ target: opener, position: "below", align: "end" }}
      onOpenChange={(_event, { open }) => {
        if (open) return;
        onClose();
        opener.focus();
      }}
    >
      <MenuPopover>{children}</MenuPopover>
    </Menu>
  );
}
