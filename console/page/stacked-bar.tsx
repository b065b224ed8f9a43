/** Numbers that add up, as a bar. What each colour means stands beside it in words. */
import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";

const useStyles = makeStyles({
  bar: {
    display: "flex",
    height: "20px",
    overflow: "hidden",
    borderRadius: tokens.borderRadiusMedium,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    backgroundColor: tokens.colorNeutralBackground5,
  },
  small: { height: "10px" },
  part: {
    minWidth: 0,
    transition: "flex-grow 0.3s",
    "@media (forced-colors: active)": { borderRight: "1px solid CanvasText" },
  },
});

/** The bar. Its parts grow by their numbers, so that they are what the numbers say at any width. */
export function StackedBar(props: {
  parts: readonly {
    readonly id: string;
    readonly count: number;
    readonly colour: string;
  }[];
  words: string;
  isSmall?: boolean;
}) {
  const { parts, words, isSmall = false } = props;
  const styles = useStyles();
  return (
    <div
      role="img"
      aria-label={words}
      className={mergeClasses(styles.bar, isSmall && styles.small)}
    >
      {parts.map(({ id, count, colour }) =>
        count === 0 ? null : (
          <div
            key={id}
            data-state={id}
            data-count={count}
            className={styles.part}
            style={{ flexGrow: count, flexBasis: 0, backgroundColor: colour }}
          />
        ),
      )}
    </div>
  );
}
