import { Witness } from "@lormas/lab/witness/witness.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { median } from "../frame/percentile.ts";
import { beside, type Findings, plain, type Section } from "../frame/section.ts";
import { type Contender, hostOf, nextCopy, presentCopy, silenceMs } from "../lab-hosts/contender.ts";
import { LormasContender } from "../lab-hosts/lormas-contender.ts";
import { Repeated } from "../lab-hosts/repeated.ts";
import { SWARM_DEFAULT, SwarmContender } from "../lab-hosts/swarm-contender.ts";

const CONTAINER = "moved";
const WORKERS = 2;

export const plannedMove: Section = {
  name: "planned-move",
  measures:
    "seconds without service when a container is moved to another host while its own is in order, on lab hosts, seen by the " +
    "witness: a migration asked for by the API, against a node of a Docker Swarm that is drained",
  run: plannedMoveRun,
};

async function plannedMoveRun(bench: BenchRun): Promise<Findings> {
  const repeated = new Repeated(bench.say);
  const swarm = await bench.part(async (part) => {
    return await moves(await SwarmContender.up(part, WORKERS), part, repeated);
  });
  const lormas = await bench.part(async (part) => {
    return await moves(await LormasContender.up(part, "default"), part, repeated);
  });
  const { name } = SWARM_DEFAULT;
  return {
    rows: [
      plain(`${name}, drain: median of ${swarm.length}`, median(swarm), "s"),
      plain(`${name}, drain: maximum`, Math.max(...swarm), "s"),
      beside(`Lormas, migration: median of ${lormas.length}`, median(lormas), "s", { name, value: median(swarm) }),
      beside("Lormas, migration: maximum", Math.max(...lormas), "s", { name, value: Math.max(...swarm) }),
      repeated.row,
    ],
    plots: [],
  };
}

async function moves(contender: Contender, part: BenchRun, repeated: Repeated): Promise<number[]> {
  await contender.create(CONTAINER);
  return await repeated.times(part.sizes.runs, contender.name, async () => {
    await contender.heal(CONTAINER);
    const before = presentCopy(contender, CONTAINER);
    const askedMs = Witness.nowMs();
    await contender.move(CONTAINER, hostOf(contender, before));
    const after = await nextCopy(contender, before, askedMs);
    // Who has not ended his old copy by then has two of them, and no time without service.
    return silenceMs(contender, before, after) / 1_000;
  });
}
