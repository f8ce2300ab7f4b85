import { setTimeout as pause } from "node:timers/promises";
import { Witness } from "@lormas/lab/witness/witness.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { median } from "../frame/percentile.ts";
import { atMost, beside, type Findings, plain, type Row, type Section } from "../frame/section.ts";
import { beginOf, type Contender, hostOf, nextCopy, presentCopy, silenceMs } from "../lab-hosts/contender.ts";
import { LormasContender } from "../lab-hosts/lormas-contender.ts";
import { Repeated } from "../lab-hosts/repeated.ts";
import {
  SWARM_DEFAULT,
  SWARM_FASTEST,
  SWARM_TUNED,
  SwarmContender,
  type SwarmSetting,
} from "../lab-hosts/swarm-contender.ts";
import { swarmCounts } from "./swarm-counts.ts";

type Fault = "power-off" | "cut";
const FAULTS = ["power-off", "cut"] as const satisfies readonly Fault[];
/** Seconds without service, and for how long two copies ran at once in the end. */
type Run = { readonly awayS: number; readonly overlapMs: number };
type Runs = Readonly<Record<Fault, readonly Run[]>>;

const CONTAINER = "web";
const WORKERS = 2;
/** How long the cable stays out once another copy runs: so that a second one, where there is one, is seen to go on. */
const CUT_GOES_ON_MS = 5_000;
const SETTINGS = [SWARM_DEFAULT, SWARM_TUNED, SWARM_FASTEST] as const;

/** What each profile is held against, and the most that it may take of it. */
const HELD_AGAINST: Readonly<Record<string, { readonly setting: SwarmSetting; readonly ratioMax?: number }>> = {
  default: { setting: SWARM_DEFAULT, ratioMax: 0.42 },
  fast: { setting: SWARM_FASTEST, ratioMax: 0.8 },
  lan: { setting: SWARM_FASTEST, ratioMax: 0.45 },
};

export const labFailover: Section = {
  name: "lab-failover",
  measures:
    "seconds without service when the host of a container is switched off or its cable is cut, by profile, on lab hosts with a " +
    "Docker engine each, seen by the witness; against Docker Swarm on the same hosts",
  run: labFailoverRun,
};

async function labFailoverRun(bench: BenchRun): Promise<Findings> {
  const repeated = new Repeated(bench.say);
  // Swarm first: when its figures do not count, nothing else has to be measured. Never both at once: the memory is one.
  const swarm = await bench.part((part) => swarmRuns(part, repeated));
  const rows = swarmCounts(SETTINGS.map((setting) => ({ setting, awayS: awayS(runsOf(swarm, setting)["power-off"]) })));
  rows.push(...SETTINGS.flatMap((setting) => swarmRows(setting, runsOf(swarm, setting))));
  for (const profile of bench.sizes.profiles) {
    const { setting, ratioMax } = HELD_AGAINST[profile] ?? { setting: SWARM_DEFAULT };
    const runs = await bench.part(async (part) => {
      const contender = await LormasContender.up(part, profile);
      await contender.create(CONTAINER);
      return await everyFault(contender, part, repeated);
    });
    rows.push(...lormasRows(profile, runs, setting, runsOf(swarm, setting), ratioMax));
  }
  return { rows: [...rows, repeated.row], plots: [] };
}

async function swarmRuns(part: BenchRun, repeated: Repeated): Promise<ReadonlyMap<SwarmSetting, Runs>> {
  const contender = await SwarmContender.up(part, WORKERS);
  const found = new Map<SwarmSetting, Runs>();
  for (const setting of SETTINGS) {
    await contender.set(setting);
    await contender.create(CONTAINER);
    found.set(setting, await everyFault(contender, part, repeated));
    await contender.remove(CONTAINER);
  }
  return found;
}

async function everyFault(contender: Contender, part: BenchRun, repeated: Repeated): Promise<Runs> {
  const runs: Record<Fault, Run[]> = { "power-off": [], cut: [] };
  for (const fault of FAULTS) {
    const what = `${contender.name}, ${fault}`;
    runs[fault] = await repeated.times(part.sizes.runs, what, () => faultRun(contender, fault));
  }
  return runs;
}

async function faultRun(contender: Contender, fault: Fault): Promise<Run> {
  await contender.ready(CONTAINER);
  const before = presentCopy(contender, CONTAINER);
  const home = hostOf(contender, before);
  const faultMs = Witness.nowMs();
  if (fault === "cut") home.cut();
  else await home.powerOff();
  const after = await nextCopy(contender, before, faultMs);
  // Behind a cut nobody reaches the old copy, however long it goes on.
  const awayMs = fault === "cut" ? beginOf(after) - faultMs : silenceMs(contender, before, after);
  if (fault === "cut") await pause(CUT_GOES_ON_MS);
  await contender.heal(CONTAINER);
  const overlaps = contender.witness.overlaps(CONTAINER).filter(({ fromMs }) => fromMs >= faultMs);
  return { awayS: awayMs / 1_000, overlapMs: overlaps.reduce((sum, { ms }) => sum + ms, 0) };
}

function runsOf(swarm: ReadonlyMap<SwarmSetting, Runs>, setting: SwarmSetting): Runs {
  const runs = swarm.get(setting);
  if (!runs) throw new Error(`${setting.name} was not measured`);
  return runs;
}

/** The medians with the power off are among those that swarmCounts holds against known ones. */
function swarmRows({ name }: SwarmSetting, runs: Runs): Row[] {
  return [
    plain(`${name}, power-off: maximum`, Math.max(...awayS(runs["power-off"])), "s"),
    plain(`${name}, cut: median of ${runs.cut.length}`, median(awayS(runs.cut)), "s"),
    plain(`${name}, cut: maximum`, Math.max(...awayS(runs.cut)), "s"),
    plain(`${name}, cut: two copies at once, at most`, overlapMs(runs), "ms"),
  ];
}

function lormasRows(profile: string, runs: Runs, { name }: SwarmSetting, swarm: Runs, ratioMax?: number): Row[] {
  const rows = FAULTS.flatMap((fault) => {
    const reference = { name, value: median(awayS(swarm[fault])) };
    const most = { name, value: Math.max(...awayS(swarm[fault])) };
    return [
      beside(
        `${profile}, ${fault}: median of ${runs[fault].length}`,
        median(awayS(runs[fault])),
        "s",
        reference,
        ratioMax,
      ),
      beside(`${profile}, ${fault}: maximum`, Math.max(...awayS(runs[fault])), "s", most),
    ];
  });
  return [...rows, atMost(`${profile}: two copies at once, at most`, overlapMs(runs), "ms", 0)];
}

function awayS(runs: readonly Run[]): number[] {
  return runs.map((run) => run.awayS);
}

/** The longest of all faults. */
function overlapMs(runs: Runs): number {
  return Math.max(...FAULTS.flatMap((fault) => runs[fault].map((run) => run.overlapMs)));
}
