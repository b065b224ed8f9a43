/** A real browser for tests of pages: the machine's own Chromium, where there is one. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const setting = process.env["MUSTER_TEST_CHROMIUM"];
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is: where the setting says, or where systems put it. Undefined when it is not there. */
export const chromiumPath: string | undefined = (setting ? [setting] : places).find((place) =>
  existsSync(place),
);

/** Starts it. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: chromiumPath ?? "chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
