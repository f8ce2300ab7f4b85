// How long a container is without service when its node dies: the local fleet (exec runtime) at each profile, the node killed
// with SIGKILL, measured from the outside by a client that asks again and again. Prints bound, median and maximum; exit
// code 1 when a run was over its bound. Run: node bench/failover.ts [--runs 20] [--profiles lan,fast,default] [--json FILE]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Fleet } from "../e2e/fleet/fleet.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    profiles: { type: "string", default: "lan,fast,default" },
    json: { type: "string" },
  },
});
const runs = Number(values.runs);

type Run = { readonly downtimeMs: number; readonly boundMs: number };
type Row = {
  readonly profile: string;
  readonly boundMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
  readonly overBound: number;
  readonly runs: readonly Run[];
};

async function failover(fleet: Fleet): Promise<Run> {
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

const rows: Row[] = [];
for (const profile of values.profiles.split(",")) {
  const fleet = await Fleet.up({ environment: { LORMAS_PROFILE: profile } });
  try {
    const done: Run[] = [];
    for (let number = 0; number < runs; number += 1) done.push(await failover(fleet));
    const sorted = done.map(({ downtimeMs }) => downtimeMs).sort((a, b) => a - b);
    const row = {
      profile,
      boundMs: Math.max(...done.map(({ boundMs }) => boundMs)),
      medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
      maxMs: sorted.at(-1) ?? 0,
      overBound: done.filter(({ downtimeMs, boundMs }) => downtimeMs > boundMs).length,
      runs: done,
    };
    rows.push(row);
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`.padStart(8);
    process.stdout.write(
      `${profile.padEnd(8)} ${runs} runs: bound ${seconds(row.boundMs)}, median ${seconds(row.medianMs)}, ` +
        `maximum ${seconds(row.maxMs)}, over the bound ${row.overBound}\n`,
    );
  } finally {
    await fleet.dispose();
  }
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
if (rows.some(({ overBound }) => overBound > 0)) process.exitCode = 1;
