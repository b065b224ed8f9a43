/** A real browser for tests of pages: the machine's own Chromium, where there is one. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is: the setting, or where systems put it. Undefined when this machine has none. */
export const chromiumPath: string | undefined =
  process.env["MUSTER_TEST_CHROMIUM"] ?? places.find((place) => existsSync(place));

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
