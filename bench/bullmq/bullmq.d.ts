/**
 * The part of BullMQ that the benchmark uses. Its own types come with the package, which is installed only
 * when the benchmark first wants it.
 */
declare module "bullmq" {
  type Connected = { readonly connection: { readonly host: string; readonly port: number } };

  export class Queue {
    constructor(name: string, options: Connected);
    addBulk(jobs: readonly { readonly name: string; readonly data: object }[]): Promise<unknown>;
    getCompletedCount(): Promise<number>;
    close(): Promise<void>;
  }

  export class Worker {
    constructor(
      name: string,
      handle: (job: { readonly data: unknown }) => Promise<string>,
      options: Connected & { readonly concurrency: number },
    );
    on(event: "error", listener: (error: Error) => void): this;
    waitUntilReady(): Promise<unknown>;
  }
}
