import { bounded } from "@lormas/lab/command/bounded-command.ts";
import { Witness } from "@lormas/lab/witness/witness.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { median } from "../frame/percentile.ts";
import { atMost, beside, type Findings, plain, type Row, type Section } from "../frame/section.ts";
import { type Contender, hostOf, nextCopy, presentCopy, silenceMs } from "../lab-hosts/contender.ts";
import { LormasContender } from "../lab-hosts/lormas-contender.ts";
import { Repeated } from "../lab-hosts/repeated.ts";
import { SWARM_DEFAULT, SWARM_TUNED, SwarmContender } from "../lab-hosts/swarm-contender.ts";

const WORKERS = 2;
const LORMAS_MAX_S = 1;
/** What concerns a process that has ended is the restart delay; heartbeats have no part in it. */
const SETTINGS = [SWARM_DEFAULT, SWARM_TUNED] as const;

export const crash: Section = {
  name: "crash",
  measures:
    "seconds without service when the process of a container is killed with SIGKILL on a host in order, on lab hosts, seen by " +
    "the witness; against Docker Swarm with its own restart delay and with none",
  run: crashRun,
};

async function crashRun(bench: BenchRun): Promise<Findings> {
  const repeated = new Repeated(bench.say);
  const swarm = await bench.part(async (part) => {
    const contender = await SwarmContender.up(part, WORKERS);
    const found: { readonly name: string; readonly awayS: readonly number[] }[] = [];
    for (const setting of SETTINGS) {
      await contender.set(setting);
      found.push({ name: setting.name, awayS: await crashes(contender, part, repeated) });
    }
    return found;
  });
  const lormas = await bench.part(async (part) => {
    return await crashes(await LormasContender.up(part, "default"), part, repeated);
  });
  const rows: Row[] = swarm.flatMap(({ name, awayS }) => [
    plain(`${name}: median of ${awayS.length}`, median(awayS), "s"),
    plain(`${name}: maximum`, Math.max(...awayS), "s"),
  ]);
  for (const { name, awayS } of swarm) {
    rows.push(beside(`Lormas: median of ${lormas.length}`, median(lormas), "s", { name, value: median(awayS) }));
  }
  rows.push(atMost("Lormas: maximum", Math.max(...lormas), "s", LORMAS_MAX_S));
  return { rows: [...rows, repeated.row], plots: [] };
}

async function crashes(contender: Contender, part: BenchRun, repeated: Repeated): Promise<number[]> {
  let made = 0;
  return await repeated.times(part.sizes.runs, contender.name, async () => {
    // Another one each time: who crashes again and again is rightly made to wait longer.
    made += 1;
    const container = `crash-${made}`;
    await contender.create(container);
    const awayMs = await crashOf(contender, container);
    await contender.remove(container);
    return awayMs / 1_000;
  });
}

async function crashOf(contender: Contender, container: string): Promise<number> {
  await contender.heal(container);
  const before = presentCopy(contender, container);
  const home = hostOf(contender, before);
  const pid = home.dockerd.docker("inspect", "--format", "{{.State.Pid}}", before.id).trim();
  const [program, args] = home.power.command(["kill", "-9", pid]);
  const killedMs = Witness.nowMs();
  bounded(program, ...args);
  const after = await nextCopy(contender, before, killedMs);
  return silenceMs(contender, before, after);
}
