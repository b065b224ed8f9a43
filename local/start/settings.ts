/** What a person may set for `npm start`: the port, and the folder that holds everything kept. */
import { resolve } from "node:path";

export type StartSettings = {
  /** Port of the functions; 0 lets the machine choose. */
  readonly port: number;
  /** Absolute path of the folder for Azurite's data, keys and logs. */
  readonly home: string;
};

/** Reads `PORT` and `MUSTER_HOME`. @throws One line for people when `PORT` is no port. */
export function readStartSettings(
  environment: Readonly<Record<string, string | undefined>>,
  root: string,
): StartSettings {
  const { PORT: text = "7071", MUSTER_HOME: home = ".muster" } = environment;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new Error(`PORT must be a number from 0 to 65535, not "${text}".`);
  }
  return { port, home: resolve(root, home) };
}

/** What to type for a token as one of the users, in the folder of the sources. */
export function signInHint({ home }: StartSettings, root: string): string {
  // Whoever keeps it elsewhere has to say so there, too.
  const place =
    home === resolve(root, ".muster")
      ? ""
      : `MUSTER_HOME='${home.replaceAll("'", String.raw`'\''`)}' `;
  return `Sign in as one of its users: TOKEN=$(${place}npm run --silent sign-in)`;
}
