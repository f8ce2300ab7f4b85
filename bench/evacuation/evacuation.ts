import { availableParallelism } from "node:os";
import { until } from "@lormas/lab/until.ts";
import { Witness } from "@lormas/lab/witness/witness.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { median } from "../frame/percentile.ts";
import { beside, type Findings, plain, type Row, type Section } from "../frame/section.ts";
import { ALONE_CPU_MILLIS, beginOf, begunCopies, type Contender, type Crowd } from "../lab-hosts/contender.ts";
import { LormasContender } from "../lab-hosts/lormas-contender.ts";
import { Repeated } from "../lab-hosts/repeated.ts";
import { SWARM_ONE_SECOND, SwarmContender } from "../lab-hosts/swarm-contender.ts";
import { rawStarts } from "./raw-starts.ts";

/** Those beyond `--containers` are left out. */
const SIZES = [50, 200] as const;
/** As many are left to take over as of the product's hosts. */
const WORKERS = 3;
/** A crowd takes minutes to gather: more runs than this are not worth their time. */
const RUNS_MAX = 3;
/** How much longer than the raw starts the last of a crowd may take, beyond the time of one alone. */
const RAW_RATIO_MAX = 1.3;
const LAST_MS = 300_000;
const POLL_MS = 250;
const CPU_MILLIS_MIN = 10;

export const evacuation: Section = {
  name: "evacuation",
  measures:
    "seconds until the last of 50 and of 200 containers runs again after the host that had them all was switched off, on lab " +
    "hosts, seen by the witness; against the time of one and raw starts on the same hosts, and against Docker Swarm",
  run: evacuationRun,
};

type Evacuated = { readonly lastS: number; readonly rawS: number };

async function evacuationRun(bench: BenchRun): Promise<Findings> {
  const repeated = new Repeated(bench.say);
  const swarm = await bench.part(async (part) => {
    const contender = await SwarmContender.up(part, WORKERS);
    await contender.set(SWARM_ONE_SECOND);
    return await everySize(contender, part, repeated, null);
  });
  const lormas = await bench.part(async (part) => {
    const contender = await LormasContender.up(part, "default");
    return await everySize(contender, part, repeated, contender.lab.sharedDir);
  });
  const one = median(lastS(lormas, 1));
  const rows: Row[] = [
    plain("Lormas default, 1 container", one, "s"),
    plain(`${SWARM_ONE_SECOND.name}, 1 container`, median(lastS(swarm, 1)), "s"),
  ];
  for (const size of sizesOf(bench)) {
    const runs = lormas.get(size) ?? [];
    const last = median(lastS(lormas, size));
    const raw = median(runs.map(({ rawS }) => rawS));
    const figure = `Lormas default, ${size} containers, the last: median of ${runs.length}`;
    const allowed = { name: `one + ${RAW_RATIO_MAX} × raw`, value: one + RAW_RATIO_MAX * raw };
    rows.push(
      plain(`${size} raw starts on two hosts`, raw, "s"),
      beside(figure, last, "s", allowed, 1),
      beside(figure, last, "s", { name: SWARM_ONE_SECOND.name, value: median(lastS(swarm, size)) }),
    );
  }
  return { rows: [...rows, repeated.row], plots: [] };
}

/** @param rawDir the witness's folder where raw starts are measured as well; null: they are not */
async function everySize(
  contender: Contender,
  part: BenchRun,
  repeated: Repeated,
  rawDir: string | null,
): Promise<ReadonlyMap<number, readonly Evacuated[]>> {
  const found = new Map<number, readonly Evacuated[]>();
  let made = 0;
  for (const size of [1, ...sizesOf(part)]) {
    const what = `${contender.name}, ${size} containers`;
    const runs = await repeated.times(Math.min(part.sizes.runs, RUNS_MAX), what, () => {
      made += 1;
      return evacuated(contender, { name: `crowd-${made}`, size, cpuMillis: cpuMillisOf(size) }, rawDir);
    });
    found.set(size, runs);
  }
  return found;
}

async function evacuated(contender: Contender, crowd: Crowd, rawDir: string | null): Promise<Evacuated> {
  const [home, ...others] = contender.hosts;
  if (!home) throw new Error(`${contender.name} has no hosts`);
  // Of a run that has failed something may be left.
  await contender.clear();
  await contender.heal(null);
  contender.witness.forget();
  await contender.gather(crowd, home);
  await contender.ready(null);
  const faultMs = Witness.nowMs();
  await home.powerOff();
  const copies = await until(
    `${crowd.size} containers of ${contender.name} run elsewhere`,
    LAST_MS,
    () => {
      const found = begunCopies(contender, crowd, faultMs, home.name);
      return found.length === crowd.size && found;
    },
    POLL_MS,
  );
  const lastMs = Math.max(...copies.map(beginOf)) - faultMs;
  await contender.clear();
  const raw = { ...crowd, name: `raw-${crowd.name}` };
  const rawMs = rawDir === null ? 0 : await rawStarts(contender, others, raw, rawDir);
  return { lastS: lastMs / 1_000, rawS: rawMs / 1_000 };
}

function sizesOf({ sizes }: BenchRun): number[] {
  return SIZES.filter((size) => size <= sizes.containers);
}

/** As much as one host has room for, and never more than one container alone gets. */
function cpuMillisOf(size: number): number {
  const room = Math.floor((availableParallelism() * 1_000) / size);
  return Math.max(CPU_MILLIS_MIN, Math.min(ALONE_CPU_MILLIS, room));
}

function lastS(found: ReadonlyMap<number, readonly Evacuated[]>, size: number): number[] {
  return (found.get(size) ?? []).map((run) => run.lastS);
}
