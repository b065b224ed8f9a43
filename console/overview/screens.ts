/** Screens of the overview. */
import { HomeRegular } from "@fluentui/react-icons";
import { screen } from "../page/screen.ts";

/** What waits for whoever looks, and what runs. */
export const overviewScreen = screen({
  path: "/",
  title: { en: "Overview", fr: "Vue d'ensemble" },
  nav: { section: "home", icon: HomeRegular },
  load: () => import("./overview-page.tsx"),
});
