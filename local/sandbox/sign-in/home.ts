/**
 * What the sign-in service keeps between starts: its TLS key and certificate, the key it signs tokens
 * with, and the secret of the seeded app. All of it is made at the first start.
 */
import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generate } from "selfsigned";

/** The kept things. `caFile` is for NODE_EXTRA_CA_CERTS of every process that signs in. */
export type SignInHome = {
  readonly tlsKey: string;
  readonly tlsCertificate: string;
  readonly caFile: string;
  /** An RSA key as a JSON Web Key, private part included. */
  readonly signingKey: Readonly<Record<string, unknown>> & { readonly kid: string };
  readonly clientSecret: string;
};

const dayMs = 86_400_000;

/** Reads what is kept in a folder, and makes what is missing. Secret files are for their owner only. */
export async function openHome(folder: string): Promise<SignInHome> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keyFile = join(folder, "tls-key.pem");
  const caFile = join(folder, "tls-certificate.pem");
  if (!existsSync(keyFile) || !existsSync(caFile) || endsSoon(readFileSync(caFile, "utf8"))) {
    const made = await makeCertificate();
    writeSecret(keyFile, made.private);
    writeFileSync(caFile, made.cert);
  }
  const signingKey = kept(join(folder, "signing-key.json"), makeSigningKey);
  return {
    tlsKey: readFileSync(keyFile, "utf8"),
    tlsCertificate: readFileSync(caFile, "utf8"),
    caFile,
    signingKey: JSON.parse(signingKey) as SignInHome["signingKey"],
    clientSecret: kept(join(folder, "client-secret.txt"), () =>
      randomBytes(30).toString("base64url"),
    ),
  };
}

function kept(file: string, make: () => string): string {
  if (!existsSync(file)) writeSecret(file, make());
  return readFileSync(file, "utf8");
}

function writeSecret(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 });
}

function endsSoon(certificate: string): boolean {
  return new X509Certificate(certificate).validToDate.getTime() < Date.now() + 7 * dayMs;
}

async function makeCertificate(): Promise<{ readonly private: string; readonly cert: string }> {
  return generate([{ name: "commonName", value: "Muster sandbox sign-in" }], {
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

function makeSigningKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = randomBytes(15).toString("base64url");
  return JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" });
}
