/** What the help says: the command that does what is on screen, the keys, and the way to the rest. */
import { makeStyles, Switch, tokens } from "@fluentui/react-components";
import { useRouterState } from "@tanstack/react-router";
import { CopyButton } from "../page/copy-button.tsx";
import { Go } from "../page/page.tsx";
import type { Screen } from "../page/screen.ts";
import { Window } from "../page/window.tsx";
import { useSharedText } from "../text/text.ts";
import { switchKeys, useKeyOn } from "./keys.ts";
import { useTenantId } from "./tenant.ts";

const useStyles = makeStyles({
  keys: {
    display: "grid",
    gridTemplateColumns: "max-content 1fr",
    alignItems: "center",
    gap: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    margin: 0,
    "& dd": { margin: 0 },
    "& kbd": {
      fontFamily: tokens.fontFamilyMonospace,
      padding: `0 ${tokens.spacingHorizontalXS}`,
      border: `1px solid ${tokens.colorNeutralStroke1}`,
      borderRadius: tokens.borderRadiusSmall,
    },
  },
  command: { fontFamily: tokens.fontFamilyMonospace, overflowWrap: "anywhere" },
});

/** The command for what is on screen, where there is one. */
function useCommand(screens: readonly Screen[]): string | undefined {
  const tenantId = useTenantId();
  const { path, said } = useRouterState({
    select: ({ matches }) => {
      const { fullPath = "", params, search } = matches.at(-1) ?? {};
      return { path: fullPath as string, said: { ...params, ...search } };
    },
  });
  const command = screens.find((each) => each.path === path)?.command;
  return command && `npm run muster -- ${command({ tenantId: tenantId ?? "", ...said })}`;
}

const keys = [
  ["/", "frame.key.search"],
  ["?", "frame.key.help"],
  ["Shift+F10", "frame.key.menu"],
  ["Esc", "frame.key.escape"],
] as const;

export function HelpWindow(props: { screens: readonly Screen[]; onClose: () => void }) {
  const { screens, onClose } = props;
  const t = useSharedText();
  const styles = useStyles();
  const command = useCommand(screens);
  const on = useKeyOn();
  return (
    <Window title={t("frame.help")} onClose={onClose}>
      {command !== undefined && (
        <section>
          <h3>{t("frame.command")}</h3>
          <p className={styles.command} data-command>
            {command}
          </p>
          <CopyButton text={() => command} label={t("frame.copyCommand")} />
        </section>
      )}
      <section>
        <h3>{t("frame.keys")}</h3>
        <dl className={styles.keys}>
          {keys.map(([name, what]) => (
            <div key={name} style={{ display: "contents" }}>
              <dt>
                <kbd>{name}</kbd>
              </dt>
              <dd>{t(what)}</dd>
            </div>
          ))}
        </dl>
        <Switch
          label={t("frame.keysOn")}
          checked={on}
          onChange={(_event, { checked }) => switchKeys(checked)}
        />
      </section>
      <div onClickCapture={onClose}>
        <Go to={{ to: "/about", params: undefined, search: undefined }}>{t("frame.about")}</Go>
      </div>
    </Window>
  );
}
