import { Fleet } from "../../e2e/fleet/fleet.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import { median } from "../frame/percentile.ts";
import { atMost, type Findings, type Row, type Section } from "../frame/section.ts";

type Failover = { readonly downtimeMs: number; readonly boundMs: number };

export const failover: Section = {
  name: "failover",
  measures:
    "how long a container is without service when its node is killed (local fleet, exec runtime), seen by a client that " +
    "asks again and again, against the bound that the product shows for it",
  run: failoverRun,
};

async function failoverRun(bench: BenchRun): Promise<Findings> {
  const rows: Row[] = [];
  for (const profile of bench.sizes.profiles) rows.push(...(await bench.part((part) => atProfile(part, profile))));
  return { rows, plots: [] };
}

async function atProfile(part: BenchRun, profile: string): Promise<Row[]> {
  const fleet = new Fleet({ environment: { LORMAS_PROFILE: profile } });
  part.defer(() => fleet.dispose());
  await fleet.start();
  await fleet.nodes("HEALTHY");
  const done: Failover[] = [];
  for (let number = 1; number <= part.sizes.runs; number += 1) {
    done.push(await failedOver(fleet));
    part.say(`${profile} ${number} of ${part.sizes.runs}: ${done.at(-1)?.downtimeMs} ms`);
  }
  const boundMs = Math.max(...done.map((run) => run.boundMs));
  const downMs = done.map((run) => run.downtimeMs);
  return [
    atMost(`${profile}: median of ${done.length}`, median(downMs), "ms", boundMs),
    atMost(`${profile}: maximum`, Math.max(...downMs), "ms", boundMs),
  ];
}

async function failedOver(fleet: Fleet): Promise<Failover> {
  const { code, stdout, stderr } = await fleet.cli("demo", "failover", "-o", "json");
  if (stdout.trim() === "") throw new Error(`demo failover ended with code ${code}: ${stderr}`);
  // The demo's own JSON; a run that never came back has no downtime.
  const said = JSON.parse(stdout) as {
    downtimeMs: number | null;
    boundMs: number;
    container: string;
    killedNode: string;
  };
  const revived = await fleet.cli("demo", "revive", said.killedNode);
  if (revived.code !== 0) throw new Error(`demo revive: ${revived.stderr}`);
  await fleet.nodes("HEALTHY");
  // One container alone: the bound is no promise of many that come from one node at once.
  await fleet.api().containers.deleteContainer({ id: said.container });
  return { downtimeMs: said.downtimeMs ?? Number.POSITIVE_INFINITY, boundMs: said.boundMs };
}
