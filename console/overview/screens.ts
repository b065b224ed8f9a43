/** Screens of the overview. */
import { HomeRegular, InfoRegular, SettingsRegular } from "@fluentui/react-icons";
import { oneOf, screen } from "../page/screen.ts";

/** What waits for whoever looks, and what runs. */
export const overviewScreen = screen({
  path: "/",
  title: { en: "Overview", fr: "Vue d'ensemble" },
  nav: { section: "home", icon: HomeRegular },
  load: () => import("./overview-page.tsx"),
});

/** Draining before an upgrade. */
export const operationsScreen = screen({
  path: "/operations",
  title: { en: "Operations", fr: "Exploitation" },
  permission: "installation.drain",
  nav: { section: "administration", icon: SettingsRegular },
  search: { window: oneOf("drain") },
  load: () => import("./operations-page.tsx"),
});

/** Version, health, languages, the API's document; the keys and commands are in the help of every page. */
export const aboutScreen = screen({
  path: "/about",
  title: { en: "About Muster", fr: "À propos de Muster" },
  nav: { section: "administration", icon: InfoRegular },
  load: () => import("./about-page.tsx"),
});
