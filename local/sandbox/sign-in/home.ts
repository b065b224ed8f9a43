/**
 * What the sign-in service keeps between starts: its certificate, the key it signs tokens with, and the
 * secrets of the seeded apps. All of it is made at the first start.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { generate } from "selfsigned";
import { keptText, ownFolder, readIfThere, replaceText } from "../../kept-file.ts";

// The certificate that sign-in answers with: nobody vouches for it, so callers trust exactly this one.

/** A certificate and its key, as PEM. */
export type Certificate = { readonly key: string; readonly certificate: string };

const dayMs = 86_400_000;

/** Reads the certificate of two files; makes it when it is missing, broken, or ends within a week. */
async function keptCertificate(keyFile: string, file: string): Promise<Certificate> {
  const [key, certificate] = [readIfThere(keyFile), readIfThere(file)];
  if (key && certificate && isGood(key, certificate)) return { key, certificate };
  const made = await makeCertificate();
  replaceText(keyFile, made.private);
  replaceText(file, made.cert);
  return { key: made.private, certificate: made.cert };
}

/** Also after a process was killed between the two files: then they do not belong together. */
function isGood(key: string, text: string): boolean {
  try {
    const certificate = new X509Certificate(text);
    const lasting = certificate.validToDate.getTime() > Date.now() + 7 * dayMs;
    return lasting && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

async function makeCertificate(): Promise<{ readonly private: string; readonly cert: string }> {
  // Trust is looked up by name: a process that trusts two stand-ins must be able to tell them apart.
  const value = `Muster sandbox sign-in ${randomBytes(4).toString("hex")}`;
  return generate([{ name: "commonName", value }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    // A day back, so that a machine whose clock is a little behind accepts it too.
    notBeforeDate: new Date(Date.now() - dayMs),
    notAfterDate: new Date(Date.now() + 365 * dayMs),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
}

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
  ownFolder(folder);
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
