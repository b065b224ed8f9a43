/**
 * Table Storage that stops a query early, as the real one may: an answer has one row, and who goes on gets
 * none at first, with word where to go on. Stands before a real storage account and changes nothing else.
 */
import { Agent, request as ask, createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A storage account through hasty eyes. */
export type HastyTables = { readonly connectionString: string; readonly stop: () => Promise<void> };

/** Starts it before the account of a connection string. */
export async function startHastyTables(connectionString: string): Promise<HastyTables> {
  const port = Number(/TableEndpoint=http:\/\/[^:;]+:(\d+)\//.exec(connectionString)?.[1]);
  const agent = new Agent({ keepAlive: true });
  const passed = new Set<string>();
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? "", "http://storage");
    const going = url.searchParams.get("NextRowKey");
    const isQuery = incoming.method === "GET" && url.searchParams.has("$filter");
    if (isQuery && going !== null && !passed.delete(going)) {
      passed.add(going);
      const partition = url.searchParams.get("NextPartitionKey") ?? "";
      outgoing.setHeader("x-ms-continuation-NextPartitionKey", partition);
      outgoing.setHeader("x-ms-continuation-NextRowKey", going);
      outgoing.setHeader("content-type", "application/json");
      outgoing.end('{"value":[]}');
      return;
    }
    if (isQuery) url.searchParams.set("$top", "1");
    const path = isQuery ? url.pathname + url.search : incoming.url;
    const { method, headers } = incoming;
    const onward = ask({ host: "127.0.0.1", port, method, path, headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const own = (server.address() as AddressInfo).port;
  return {
    connectionString: connectionString.replace(`:${port}/`, `:${own}/`),
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
