/** The bar above all pages: the product, the tenant, and who is signed in with their language and theme. */
import {
  Button,
  MenuDivider,
  MenuGroup,
  MenuGroupHeader,
  MenuItem,
  MenuItemRadio,
  makeStyles,
  mergeClasses,
  tokens,
} from "@fluentui/react-components";
import { NavigationRegular, PersonCircleRegular, SignOutRegular } from "@fluentui/react-icons";
import { useLinkProps } from "@tanstack/react-router";
import { useConnection } from "../api/connection.tsx";
import { DropMenu } from "../page/look/drop-menu.tsx";
import type { Screen } from "../page/screen.ts";
import { type Language, languages, speak, useLanguage } from "../text/language.ts";
import { useSharedText } from "../text/text.ts";
import { Help } from "./help.tsx";
import { TenantSelector } from "./tenant-selector.tsx";
import { chooseTheme, type ThemeChoice, themeChoices, useThemeChoice } from "./theme.ts";

const useStyles = makeStyles({
  root: {
    display: "flex",
    alignItems: "center",
    gap: tokens.spacingHorizontalS,
    minHeight: "48px",
    padding: `0 ${tokens.spacingHorizontalS}`,
    backgroundColor: tokens.colorBrandBackground,
    color: tokens.colorNeutralForegroundOnBrand,
    "@media (max-width: 640px)": { gap: 0 },
  },
  name: {
    color: "inherit",
    fontSize: tokens.fontSizeBase400,
    fontWeight: tokens.fontWeightSemibold,
    textDecorationLine: "none",
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalXS}`,
    ":focus-visible": { outline: `2px solid ${tokens.colorNeutralForegroundOnBrand}` },
  },
  push: { flexGrow: 1 },
  button: {
    color: "inherit",
    minWidth: "32px",
    ":hover": { color: "inherit", backgroundColor: tokens.colorBrandBackgroundHover },
    ":hover:active": { color: "inherit", backgroundColor: tokens.colorBrandBackgroundPressed },
    ":focus-visible": { outline: `2px solid ${tokens.colorNeutralForegroundOnBrand}` },
  },
  person: { "@media (max-width: 640px)": { "& .person-name": { display: "none" } } },
});

/** Language, theme, and leaving. */
function PersonMenu() {
  const t = useSharedText();
  const styles = useStyles();
  const { session } = useConnection();
  const [language, theme] = [useLanguage(), useThemeChoice()];
  const name = session.account?.name ?? session.account?.username ?? t("frame.account");
  return (
    <DropMenu
      checkedValues={{ language: [language], theme: [theme] }}
      onCheckedValueChange={(_event, { name: what, checkedItems: [chosen] }) => {
        if (what === "language") speak(chosen as Language);
        else chooseTheme(chosen as ThemeChoice);
      }}
      trigger={
        <Button
          appearance="transparent"
          className={mergeClasses(styles.button, styles.person)}
          icon={<PersonCircleRegular />}
          aria-label={t("frame.accountMenu", { name })}
        >
          <span className="person-name">{name}</span>
        </Button>
      }
    >
      <MenuGroup>
        <MenuGroupHeader>{t("frame.language")}</MenuGroupHeader>
        {Object.entries(languages).map(([id, label]) => (
          <MenuItemRadio key={id} name="language" value={id} lang={id}>
            {label}
          </MenuItemRadio>
        ))}
      </MenuGroup>
      <MenuDivider />
      <MenuGroup>
        <MenuGroupHeader>{t("frame.theme")}</MenuGroupHeader>
        {themeChoices.map((choice) => (
          <MenuItemRadio key={choice} name="theme" value={choice}>
            {t(`frame.theme.${choice}`)}
          </MenuItemRadio>
        ))}
      </MenuGroup>
      <MenuDivider />
      <MenuItem icon={<SignOutRegular />} onClick={() => void session.signOut()}>
        {t("frame.signOut")}
      </MenuItem>
    </DropMenu>
  );
}

export function Header(props: {
  screens: readonly Screen[];
  isNavOpen: boolean;
  onNav: () => void;
}) {
  const t = useSharedText();
  const styles = useStyles();
  const home = useLinkProps({ to: "/" } as never);
  return (
    <header className={styles.root}>
      <Button
        appearance="transparent"
        className={styles.button}
        icon={<NavigationRegular />}
        aria-label={t("frame.nav")}
        aria-expanded={props.isNavOpen}
        onClick={props.onNav}
      />
      <a {...home} className={styles.name}>
        Muster
      </a>
      <span className={styles.push} />
      <TenantSelector />
      <Help screens={props.screens} className={styles.button} />
      <PersonMenu />
    </header>
  );
}
