/** The part of `@azure/functions-core` that programming models use; it is published nowhere else. */
import type { LogLevel, RegisteredFunction, TypedData } from "../app/protocol.ts";

export type Callback = (...args: unknown[]) => unknown;

/** What `registerFunction` is given. */
export type FunctionMetadata = Omit<RegisteredFunction, "id"> & { readonly functionId?: string };

/** Per-invocation context that the core hands to the programming model. */
export type CoreInvocationContext = {
  readonly invocationId: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly metadata: FunctionMetadata;
  state: "preInvocationHooks" | "invocation" | "postInvocationHooks" | undefined;
  readonly log: (level: LogLevel, category: string, message: string) => void;
};

export type ModelResponse = {
  readonly outputData?: readonly { readonly name: string; readonly data: TypedData }[];
  readonly returnValue?: TypedData | null;
};

/** How the model converts and runs one invocation. */
export type InvocationModel = {
  getArguments(): Promise<{ readonly context: unknown; readonly inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: Callback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<ModelResponse>;
};

/** The programming model: `@azure/functions`, from the app's own copy. */
export type ProgrammingModel = {
  readonly name: string;
  readonly version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities?(
    defaults: Record<string, string>,
  ): Record<string, string> | Promise<Record<string, string>>;
};
