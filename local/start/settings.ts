/** What a person may set for `npm start`: the port, the folder that holds everything kept, and whether there is a sample. */
import { resolve } from "node:path";

export type StartSettings = {
  /** Port of the functions; 0 lets the machine choose. */
  readonly port: number;
  /** Absolute path of the folder for Azurite's data, keys and logs. */
  readonly home: string;
  /** Whether there is a tenant to begin with. */
  readonly sample: boolean;
};

/** Reads `PORT`, `MUSTER_HOME` and `MUSTER_SAMPLE`. @throws One line for people when one is wrong. */
export function readStartSettings(
  environment: Readonly<Record<string, string | undefined>>,
  root: string,
): StartSettings {
  const { PORT: text = "7071", MUSTER_HOME: home = ".muster" } = environment;
  const { MUSTER_SAMPLE: sample = "on" } = environment;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new Error(`PORT must be a number from 0 to 65535, not "${text}".`);
  }
  if (sample !== "on" && sample !== "off")
    throw new Error(`MUSTER_SAMPLE must be on or off, not "${sample}".`);
  return { port, home: resolve(root, home), sample: sample === "on" };
}

/** What to type to sign in as one of the users, in the folder of the sources. */
export function signInHint({ home }: StartSettings, root: string): string {
  // Whoever keeps it elsewhere has to say so there, too.
  const place =
    home === resolve(root, ".muster")
      ? ""
      : `MUSTER_HOME='${home.replaceAll("'", String.raw`'\''`)}' `;
  return `Sign in as one of its users: ${place}npm run muster -- sign-in`;
}
