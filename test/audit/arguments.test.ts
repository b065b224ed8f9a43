import { expect, test } from "vitest";
import { storageHere } from "../../audit/arguments.ts";

const account = "AccountName=a;AccountKey=a2V5";

const named = (AzureWebJobsStorage: string) => () => storageHere({ AzureWebJobsStorage });

test("storage that is reached in plain is refused, but on this machine", () => {
  expect(named(`DefaultEndpointsProtocol=http;${account}`)).toThrow("https");
  expect(named(`${account};TableEndpoint=http://a.example`)).toThrow("https");
  expect(named("UseDevelopmentStorage=true")()).toMatchObject({ kind: "connectionString" });
  const secure = `DefaultEndpointsProtocol=https;${account}`;
  expect(named(secure)()).toEqual({ kind: "connectionString", value: secure });
});
