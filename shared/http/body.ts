/** Reads a JSON body: content type, size, text, shape; the first that is wrong is said. */
import type { z } from "zod";
import { fail, type Result, succeed } from "../kernel/failure.ts";
import { faultsOf, invalidRequest } from "./faults.ts";

/** Largest body that an operation takes, in bytes. */
export const maxBodyBytes = 1024 * 1024;

/** What a body is read from: the Fetch API's request, or anything of that shape. */
export type BodySource = {
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
};

/** Reads and checks a body. Nothing larger than the limit is ever held in memory. */
export async function readBody<S extends z.ZodType>(
  source: BodySource,
  schema: S,
): Promise<Result<{ value: z.output<S>; text: string }>> {
  const type = source.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json" && !type?.endsWith("+json"))
    return fail(
      "unsupported-media-type",
      `Send the body as application/json, not as ${type ?? "nothing"}.`,
    );
  const text = await readText(source);
  if (text === undefined)
    return fail("body-too-large", `A body may have ${maxBodyBytes} bytes. Split the request.`);
  return checkText(text, schema);
}

function checkText<S extends z.ZodType>(
  text: string,
  schema: S,
): Result<{ value: z.output<S>; text: string }> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "unreadable";
    return fail("malformed-json", `The body is not JSON: ${why}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) return invalidRequest(faultsOf(parsed.error));
  return succeed({ value: parsed.data, text });
}

async function readText({ headers, body }: BodySource): Promise<string | undefined> {
  if (Number(headers.get("content-length") ?? 0) > maxBodyBytes) return undefined;
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.byteLength;
    // Read to its end all the same; see `discardBody`.
    if (bytes > maxBodyBytes) parts = [];
    else parts.push(part);
  }
  return bytes > maxBodyBytes ? undefined : Buffer.concat(parts).toString("utf8");
}

/**
 * Reads what nobody wanted, and forgets it. A body that is left lying blocks its connection: the host would
 * give the connection to the next request, and that one would never be heard.
 */
export async function discardBody({
  body,
  bodyUsed,
}: Pick<BodySource, "body"> & { readonly bodyUsed: boolean }): Promise<void> {
  if (body === null || bodyUsed) return;
  try {
    for await (const _ of body);
  } catch {
    // The caller hung up: then there is no connection to keep free, and nobody to tell.
  }
}
