/** A list as it is read: its rows, or why there are none. */
import { makeStyles, tokens } from "@fluentui/react-components";
import type { ComponentProps, ReactNode } from "react";
import type { Reading, ReadList } from "../../api/read.ts";
import { Shown } from "../page.tsx";
import { Rows } from "../rows.tsx";

export function Listed<Item>(
  props: Omit<ComponentProps<typeof Rows<Item>>, "items" | "hasMore" | "readMore"> & {
    /** Of what is read whole, its items. */
    reading: Omit<Reading<readonly Item[]>, "etag"> &
      Partial<Pick<ReadList<Item>, "hasMore" | "readMore">>;
    /** What stands there where nothing is listed. */
    empty: ReactNode;
    /** Which items are shown, of those that were read. */
    keeps?: (item: Item) => boolean;
    /** What stands above rows. */
    above?: ReactNode;
  },
) {
  const { reading, empty, keeps, above, ...rest } = props;
  const { hasMore = false, readMore } = reading;
  return (
    <Shown reading={reading}>
      {(all) => {
        const items = keeps === undefined ? all : all.filter(keeps);
        if (items.length === 0 && !hasMore) return empty;
        return (
          <>
            {above}
            <Rows {...rest} items={items} hasMore={hasMore} {...(readMore && { readMore })} />
          </>
        );
      }}
    </Shown>
  );
}

const useStyles = makeStyles({
  quiet: { color: tokens.colorNeutralForeground2, display: "block" },
});

/** A second line of a cell. */
export const Quiet = ({ children }: { children: ReactNode }) => (
  <span className={useStyles().quiet}>{children}</span>
);

type Person = { readonly id: string; readonly name?: string | undefined };

/** Who asked for something, as far as whoever looks may know. */
export const personOf = (person: Person | undefined): string => person?.name ?? person?.id ?? "";
