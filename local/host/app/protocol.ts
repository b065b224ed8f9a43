/**
 * The messages between the host process and its worker process.
 *
 * Data keeps the shapes of the Functions RPC contract, because the app's copy of `@azure/functions`
 * converts from and to exactly those.
 */

/** A value on its way in or out of a function; exactly one member is set. */
export type TypedData = {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly double?: number;
  readonly http?: HttpData;
};

/** A wrapper that tells "absent" from "empty", as the RPC contract has it. */
export type Nullable<T> = { readonly value?: T };

/** An HTTP request or response inside {@link TypedData}. */
export type HttpData = {
  readonly method?: string;
  readonly url?: string;
  readonly nullableHeaders?: Readonly<Record<string, Nullable<string>>>;
  readonly nullableQuery?: Readonly<Record<string, Nullable<string>>>;
  readonly nullableParams?: Readonly<Record<string, Nullable<string>>>;
  readonly statusCode?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly HttpCookie[];
  readonly body?: TypedData | null;
};

/** One cookie of an HTTP response; `sameSite: "none"` means that nothing was asked for. */
export type HttpCookie = {
  readonly name: string;
  readonly value: string;
  readonly domain?: Nullable<string>;
  readonly path?: Nullable<string>;
  readonly expires?: Nullable<{ readonly seconds: number }>;
  readonly secure?: Nullable<boolean>;
  readonly httpOnly?: Nullable<boolean>;
  readonly sameSite?: "none" | "lax" | "strict" | "explicitNone";
  readonly maxAge?: Nullable<number>;
};

/** One binding of a function, with whatever options the app gave it. */
export type Binding = {
  readonly type: string;
  readonly direction: string;
  readonly [option: string]: unknown;
};

/** What a function takes a queue's message as. */
export type DataType = "string" | "binary";

/** How often and at which distance a failed run is repeated. */
export type RetryOptions = {
  readonly maxRetryCount?: number;
  readonly retryStrategy?: string;
  readonly delayInterval?: { readonly seconds?: number };
  readonly minimumInterval?: { readonly seconds?: number };
  readonly maximumInterval?: { readonly seconds?: number };
};

/** A function as the app registered it. */
export type RegisteredFunction = {
  readonly id: string;
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: RetryOptions;
};

/** What a failed run or load left behind. */
export type Fault = { readonly message: string; readonly stack?: string };

/** Given on every try of a function that has a retry policy. */
export type RetryContext = {
  readonly retryCount: number;
  readonly maxRetryCount: number;
  readonly exception?: { readonly message: string; readonly stackTrace?: string };
};

/** One invocation, as the worker needs it. */
export type Invoke = {
  readonly kind: "invoke";
  readonly invocationId: string;
  readonly functionId: string;
  readonly input: { readonly name: string; readonly data: TypedData };
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  readonly retryContext?: RetryContext;
  readonly traceParent: string;
  readonly traceState?: string;
};

/** Version of the Functions host whose semantics this host follows. */
export const hostVersion = "4.1037.0";

export type LogLevel =
  | "trace"
  | "debug"
  | "information"
  | "warning"
  | "error"
  | "critical"
  | "none";

/** What a worker found after loading the app. */
export type Loaded = {
  readonly kind: "loaded";
  readonly functions: readonly RegisteredFunction[];
  readonly capabilities: Readonly<Record<string, string>>;
};

/** Host to worker. */
export type ToWorker =
  | { readonly kind: "load"; readonly appDir: string; readonly main: string | undefined }
  | Invoke
  | { readonly kind: "terminate" };

/** Worker to host. */
export type FromWorker =
  | Loaded
  | { readonly kind: "load-failed"; readonly fault: Fault }
  | {
      readonly kind: "done";
      readonly invocationId: string;
      readonly outputs: readonly { readonly name: string; readonly data: TypedData }[];
      readonly returnValue?: TypedData | null;
    }
  | { readonly kind: "failed"; readonly invocationId: string; readonly fault: Fault }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly category: string;
      readonly message: string;
      readonly invocationId?: string;
    }
  | { readonly kind: "terminated" };
