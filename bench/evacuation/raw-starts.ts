import { request } from "node:http";
import { PARALLEL_STARTS_MAX } from "@lormas/agent/executor/executor.ts";
import { DOCKER_SOCKET } from "@lormas/lab/services/dockerd-service.ts";
import { until } from "@lormas/lab/until.ts";
import { Witness } from "@lormas/lab/witness/witness.ts";
import { BEATS_FOLDER, WITNESS_IMAGE, WITNESS_SCRIPT, witnessEgg } from "@lormas/lab/witness/witness-egg.ts";
import {
  beginOf,
  begunCopies,
  type Contender,
  CROWD_BEAT_S,
  type Crowd,
  namesOf,
  type Workhorse,
} from "../lab-hosts/contender.ts";
import { inParallel } from "../lab-hosts/in-parallel.ts";

const RAW_MS = 300_000;
const POLL_MS = 250;
const CREATED = 201;
const NO_CONTENT = 204;

/**
 * Milliseconds that the engines alone take: from the first call until the witness hears of the last of so many containers, spread
 * over the hosts, with the image, script and limits of the crowd, as many at once on a host as an agent starts. Removes them.
 *
 * @param sharedDir the witness's folder
 */
export async function rawStarts(
  contender: Pick<Contender, "witness">,
  hosts: readonly Workhorse[],
  crowd: Crowd,
  sharedDir: string,
): Promise<number> {
  const begunMs = Witness.nowMs();
  const shares = hosts.map((host, at) => ({
    host,
    names: namesOf(crowd).filter((_, index) => index % hosts.length === at),
  }));
  try {
    await Promise.all(
      shares.map(({ host, names }) =>
        inParallel(names, PARALLEL_STARTS_MAX, (name) => startRaw(host, name, crowd.cpuMillis, sharedDir)),
      ),
    );
    const copies = await until(
      `the witness hears of ${crowd.size} containers`,
      RAW_MS,
      () => {
        const found = begunCopies(contender, crowd, begunMs, "");
        return found.length === crowd.size && found;
      },
      POLL_MS,
    );
    return Math.max(...copies.map(beginOf)) - begunMs;
  } finally {
    await Promise.all(
      shares.map(({ host, names }) =>
        inParallel(names, PARALLEL_STARTS_MAX, async (name) => {
          await asked(host, "DELETE", `/containers/${name}?force=true`);
        }),
      ),
    );
  }
}

async function startRaw(host: Workhorse, name: string, cpuMillis: number, sharedDir: string): Promise<void> {
  const memory = Number(witnessEgg.defaultResources.memoryBytes);
  const created = await asked(host, "POST", `/containers/create?name=${name}`, {
    Image: WITNESS_IMAGE,
    Cmd: ["/bin/sh", "-c", WITNESS_SCRIPT],
    Env: [`LORMAS_CONTAINER=${name}`, "LORMAS_EPOCH=0", `LORMAS_NODE=${host.name}`, `BEAT_S=${CROWD_BEAT_S}`],
    HostConfig: {
      Mounts: [{ Type: "bind", Source: sharedDir, Target: BEATS_FOLDER }],
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: cpuMillis * 1_000_000,
    },
  });
  if (created.status !== CREATED) throw new Error(`the engine of ${host.name} created no ${name}: ${created.body}`);
  const started = await asked(host, "POST", `/containers/${name}/start`);
  if (started.status !== NO_CONTENT)
    throw new Error(`the engine of ${host.name} did not start ${name}: ${started.body}`);
}

/** One call of an engine's API: its status and what it said. */
function asked(
  host: Workhorse,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: string }> {
  const text = body === undefined ? "" : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        ...{ socketPath: host.power.path(DOCKER_SOCKET), method, path, timeout: RAW_MS },
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
      },
      (answer) => {
        let said = "";
        answer.setEncoding("utf8");
        answer.on("data", (piece: string) => (said += piece));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: said }));
        answer.on("error", reject);
      },
    );
    call.on("timeout", () => call.destroy(new Error(`${method} ${path} on ${host.name}: no answer`)));
    call.on("error", reject);
    call.end(text);
  });
}
