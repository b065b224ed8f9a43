/** A request whose form has been read, made whole again for the next reader with another form. */
import { IncomingMessage } from "node:http";

/** A request as it goes to a provider. */
export type ProviderRequest = IncomingMessage & {
  /** The address before the directory was taken off: the provider finds where it is mounted by it. */
  originalUrl?: string;
  /** What was asked, in Entra's words. */
  asked?: URLSearchParams;
};

/** The same request with `form` for its body. */
export function withForm(request: IncomingMessage, form: URLSearchParams): ProviderRequest {
  const body = Buffer.from(form.toString());
  const copy = new IncomingMessage(request.socket);
  copy.method = request.method ?? "POST";
  copy.url = request.url ?? "/";
  copy.httpVersion = request.httpVersion;
  copy.headers = { ...request.headers, "content-length": String(body.length) };
  delete copy.headers["transfer-encoding"];
  // An incomplete request takes its socket with it when it has been read.
  copy.complete = true;
  copy.push(body);
  copy.push(null);
  return copy;
}
