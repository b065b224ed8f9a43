/**
 * What the sign-in service keeps between starts: its certificate, the key it signs tokens with, and the
 * secrets of the seeded apps. All of it is made at the first start.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { keptText, readIfThere, replaceText } from "../../kept-file.ts";
import { type Certificate, keptCertificate } from "./certificate.ts";

/** The kept things. `caFile` is for NODE_EXTRA_CA_CERTS of every process that signs in. */
export type SignInHome = {
  readonly tls: Certificate;
  readonly caFile: string;
  /** An RSA key as a JSON Web Key, private part included. */
  readonly signingKey: Readonly<Record<string, unknown>> & { readonly kid: string };
  /** The secret of the app that looks after devices. */
  readonly clientSecret: string;
  /** The secret of the program that calls the API in its own name. */
  readonly automationSecret: string;
  /** The secret of the relay. */
  readonly relaySecret: string;
  /** The port of last time: its address stands in every token, so that it had better stay. */
  readonly lastPort: number;
  readonly keepPort: (port: number) => void;
};

/** Reads what is kept in a folder, and makes what is missing. Secret files are for their owner only. */
export async function openHome(folder: string): Promise<SignInHome> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = (name: string): string => join(folder, name);
  const secret = (name: string): string =>
    keptText(file(name), () => randomBytes(30).toString("base64url"));
  const signingKey = keptText(file("signing-key.json"), makeSigningKey);
  return {
    tls: await keptCertificate(file("tls-key.pem"), file("tls-certificate.pem")),
    caFile: file("tls-certificate.pem"),
    signingKey: JSON.parse(signingKey) as SignInHome["signingKey"],
    clientSecret: secret("client-secret.txt"),
    automationSecret: secret("automation-secret.txt"),
    relaySecret: secret("relay-secret.txt"),
    lastPort: Number(readIfThere(file("sign-in-port.txt")) ?? 0),
    keepPort: (port) => replaceText(file("sign-in-port.txt"), String(port)),
  };
}

function makeSigningKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = randomBytes(15).toString("base64url");
  return JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" });
}
