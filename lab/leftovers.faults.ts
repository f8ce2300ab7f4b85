import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { everyCgroupFolder } from "../agent/src/process/cgroup-layout.ts";
import { Lab } from "./src/lab.ts";
import { repository } from "./src/repository.ts";
import { type LabRecord, labCgroup, labFolder, labRecords, runsProduct } from "./src/state/lab-record.ts";
import { removeLab } from "./src/state/lab-removal.ts";
import { until } from "./src/until.ts";

const UP_MS = 120_000;
const before = new Set(labRecords().map(({ id }) => id));
const ours = (): LabRecord[] =>
  labRecords()
    .filter(runsProduct)
    .filter(({ id }) => !before.has(id));

afterAll(async () => {
  for (const record of ours()) await removeLab(record);
});

/** Everything of a lab that can be seen on this machine. */
function traces({ id, network }: LabRecord): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const namespaces = existsSync("/run/netns") ? readdirSync("/run/netns") : [];
  const processes = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && cgroupsOf(pid).includes(labCgroup(id)));
  return [
    ...mounts.filter((line) => line.includes(labFolder(id))),
    ...namespaces.filter((name) => name.startsWith(`ll${network.id}`)),
    ...readdirSync("/sys/class/net").filter((name) => name.startsWith(`ll${network.id}`)),
    ...everyCgroupFolder(labCgroup(id)).filter(existsSync),
    ...[labFolder(id)].filter(existsSync),
    ...processes.map((pid) => `process ${pid}`),
  ];
}

function cgroupsOf(pid: string): string {
  try {
    return readFileSync(join("/proc", pid, "cgroup"), "utf8");
  } catch {
    return ""; // It ended while it was looked at.
  }
}

/** Starts `npm run lab -- up` as a person does, and kills it as nobody should. */
async function killedWhen(moment: (record: LabRecord, said: string) => boolean): Promise<LabRecord> {
  const main = join(repository, "lab/src/main.ts");
  const child = spawn(process.execPath, [main, "up", "--hosts", "2"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (piece: Buffer) => (said += piece.toString()));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const record = await until("the moment has come", UP_MS, () => ours().find((found) => moment(found, said)));
  child.kill("SIGKILL");
  await ended;
  return record;
}

test("a lab whose command was killed half way is taken away without a trace", async () => {
  const record = await killedWhen((_record, said) => said.includes("dockerd on"));
  expect(traces(record)).not.toEqual([]);
  await removeLab(record);
  expect(traces(record)).toEqual([]);
});

test("a lab whose command was killed runs on, obeys another process, and is taken away without a trace", async () => {
  const record = await killedWhen((_record, said) => said.includes("Ctrl-C"));
  const lab = Lab.open(record);
  await lab.healthy();
  const [first, second] = lab.nodes;
  await first?.freeze();
  second?.agent.stop();
  await removeLab(record);
  expect(traces(record)).toEqual([]);
  await removeLab(record);
  expect(traces(record), "and doing it again makes nothing").toEqual([]);
});
