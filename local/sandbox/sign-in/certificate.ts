/** The certificate that sign-in answers with: nobody vouches for it, so callers trust exactly this one. */
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { generate } from "selfsigned";
import { readIfThere, replaceText } from "../../kept-file.ts";

/** A certificate and its key, as PEM. */
export type Certificate = { readonly key: string; readonly certificate: string };

const dayMs = 86_400_000;

/** Reads the certificate of two files; makes it when it is missing, broken, or ends within a week. */
export async function keptCertificate(keyFile: string, file: string): Promise<Certificate> {
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
