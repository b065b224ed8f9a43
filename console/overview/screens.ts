/** Screens of the overview. */
import { HomeRegular, InfoRegular } from "@fluentui/react-icons";
import { screen } from "../page/screen.ts";

/** What waits for whoever looks, and what runs. */
export const overviewScreen = screen({
  path: "/",
  title: { en: "Overview", fr: "Vue d'ensemble" },
  nav: { section: "home", icon: HomeRegular },
  load: () => import("./overview-page.tsx"),
});

/** Version, health, languages, the API's document; the keys and commands are in the help of every page. */
export const aboutScreen = screen({
  path: "/about",
  title: { en: "About Muster", fr: "À propos de Muster" },
  nav: { section: "administration", icon: InfoRegular },
  load: () => import("./about-page.tsx"),
});
