/** Reading back: in batches of 20, in the version that the action was asked in, judged part by part. */
import { expect, it } from "vitest";
import { passedOn, restartNow } from "../../../shared/devices/actions/catalogue.ts";
import { readBackDevices } from "../../../shared/devices/actions/read-back.ts";
import type { GraphAnswer } from "../../../shared/graph/answer.ts";
import type { GraphClient, GraphRequest } from "../../../shared/graph/client.ts";

type Asked = { version: string; paths: readonly string[] };

/** A Graph that answers each path with what `answer` says. */
function graphOf(answer: (path: string) => GraphAnswer | undefined) {
  const asked: Asked[] = [];
  const askTogether = (_: string, version: string, requests: readonly GraphRequest[]) => {
    const paths = requests.map(({ path }) => path);
    asked.push({ version, paths });
    return Promise.resolve(paths.map(answer));
  };
  return { asked, graph: { askTogether } as unknown as GraphClient };
}

const restart = { ...restartNow, fidelity: "exact", managements: ["intune"] } as const;
const idIn = (path: string): string => path.split("/")[3]?.split("?")[0] ?? "";
const seen = (id: string): GraphAnswer => ({ kind: "ok", status: 200, body: { id } });

it("asks 20 at a time, ConfigMgr's in beta, each device once", async () => {
  const { asked, graph } = graphOf((path) => seen(idIn(path)));
  const suspects = Array.from({ length: 60 }, (_, nth) => ({
    deviceId: `d${nth}`,
    route: nth < 45 ? restart : passedOn("wakeUpClient"),
  }));
  const looks = await readBackDevices(graph, "t", suspects);
  expect(looks.size).toBe(60);
  expect(asked.map(({ version, paths }) => `${version} ${paths.length}`).toSorted()).toEqual(
    ["beta 15", "v1.0 20", "v1.0 20", "v1.0 5"].toSorted(),
  );
  for (const { deviceId } of suspects)
    expect(looks.get(deviceId)).toMatchObject({ kind: "seen", device: { id: deviceId } });
});

it("judges every part by itself", async () => {
  const answers: Record<string, GraphAnswer | undefined> = {
    ok: seen("ok"),
    odd: { kind: "ok", status: 200, body: "text" },
    gone: { kind: "refused", reason: "notFound", code: "c", message: "m" },
    forbidden: { kind: "refused", reason: "forbidden", code: "c", message: "m" },
    throttled: { kind: "throttled", why: "w", retryAfterMs: 5 },
    busy: { kind: "busy", why: "w" },
    cut: { kind: "unclear", why: "w" },
    missing: undefined,
  };
  const { graph } = graphOf((path) => answers[idIn(path)]);
  const suspects = Object.keys(answers).map((deviceId) => ({ deviceId, route: undefined }));
  const looks = await readBackDevices(graph, "t", suspects);
  expect(Object.fromEntries([...looks].map(([id, { kind }]) => [id, kind]))).toEqual({
    ok: "seen",
    odd: "later",
    gone: "gone",
    forbidden: "refused",
    throttled: "later",
    busy: "later",
    cut: "later",
    missing: "later",
  });
  expect(looks.get("throttled")).toEqual({ kind: "later", why: "w", afterMs: 5 });
});
