/** Takes the script out of a walk-through, and does what it asks a person to do: reads page and code from the terminal, and signs in. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { launchChromium } from "./chromium.ts";

/** The shell blocks of one section of a page, as one script with a line of dashes between them. */
export function scriptOf(page: string, section: string): string {
  const [, text = ""] = page.split(`\n## ${section}\n`);
  const [body = ""] = text.split("\n## ");
  return [...body.matchAll(/```sh\n([\s\S]*?)```/g)]
    .map(([, block]) => block)
    .join("\necho; echo ---\n");
}

/** What a terminal shows to somebody who is to sign in. */
export type Prompt = { readonly page: string; readonly code: string };

/** Somebody signs in when asked to. */
export type Person = (prompt: Prompt) => Promise<void>;

/** The prompts in what a terminal has shown so far. */
export const promptsIn = (text: string): Prompt[] =>
  [...text.matchAll(/open the page (\S+) and enter the code (\S+) to/g)].map(
    ([, page = "", code = ""]) => ({ page, code }),
  );

/** Opens the page in a browser, types the code, and chooses a user by name. */
export const withBrowser =
  (name: string): Person =>
  async ({ page: address, code }) => {
    const browser = await launchChromium();
    const page = await browser.newPage();
    await page.goto(address);
    await page.getByLabel("Code").fill(code);
    await page.getByRole("radio", { name }).check();
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("You are signed in").waitFor();
    await browser.close();
  };

/** Types a printed command into a terminal, with page and code in their places. */
export const withCommand =
  (printed: string): Person =>
  async ({ page, code }) => {
    const command = printed.replace("CODE", code).replace("PAGE", page);
    const { stdout } = await promisify(execFile)("bash", ["-c", command]);
    if (!stdout.includes("You are signed in")) throw new Error(`${command}: ${stdout}`);
  };
