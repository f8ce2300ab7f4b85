// The runtime and the public plane of a coordinator in one process, as run-coordinator.ts wires them, which also commits events
// when it is told to: node host-main.ts ORDER.json, started by api-host.ts. Ends with its parent.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { startPublicPlane } from "@lormas/coordinator/api/start-public-plane.ts";
import type { DecisionChanges } from "@lormas/coordinator/runtime/decision-store.ts";
import { FakeAgents } from "@lormas/coordinator/runtime/fake-agents.ts";
import { FleetRuntime } from "@lormas/coordinator/runtime/fleet-runtime.ts";
import { systemClock } from "@lormas/coordinator/runtime/system-clock.ts";
import { PostgresDecisionStore } from "@lormas/coordinator/store/decisions/postgres-decision-store.ts";
import { openDatabase } from "@lormas/coordinator/store/open-database.ts";
import { silentLog } from "@lormas/coordinator/store/store-log.ts";
import pino from "pino";
import { monotonicMs } from "../frame/monotonic-clock.ts";
import { type EmitOrder, type Emitted, type HostOrder, type HostReady, SUBMITTED } from "./host-message.ts";

const TICK_MS = 1;

class TimedStore extends PostgresDecisionStore {
  readonly commits: [number, number][] = [];

  override async commit(term: number, changes: DecisionChanges): Promise<void> {
    await super.commit(term, changes);
    const nowMs = monotonicMs();
    for (const { sequence } of changes.events) this.commits.push([sequence, nowMs]);
  }
}

const [orderFile = ""] = process.argv.slice(2);
// Written by api-host.ts.
const { databaseUrl, dataDir } = JSON.parse(readFileSync(orderFile, "utf8")) as HostOrder;
const log = pino({ level: "error" }, process.stderr);

const database = await openDatabase({ url: databaseUrl, log: silentLog });
const store = new TimedStore(database);
const link = new FakeAgents(systemClock);
const runtime = new FleetRuntime({
  store,
  link,
  clock: systemClock,
  log: silentLog,
  newId: randomUUID,
  instance: "bench",
  leaderTtlMs: 15_000,
});
link.use(runtime.intake);
await runtime.start();
const plane = await startPublicPlane({
  listen: { host: "127.0.0.1", port: 0 },
  database,
  databaseUrl,
  operations: runtime.operations,
  operators: runtime.operators,
  whatIf: runtime.whatIf,
  clusters: runtime.clusters,
  status: runtime,
  link,
  createJoinToken: () => Promise.reject(new Error("nobody joins this fleet")),
  clock: systemClock,
  log,
  dataDir,
  version: "bench",
  administrator: { email: "bench@lormas.local", password: null },
});

process.on("message", (order: EmitOrder) => void emit(order));
process.on("disconnect", () => process.exit(0));
tell({ type: "ready", url: plane.url });

/** Every event is a decision of its own; those that are due together share a transaction, as any decisions do. */
async function emit({ perSecond, seconds, containerIds }: EmitOrder): Promise<void> {
  store.commits.length = 0;
  const begunMs = performance.now();
  const all: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(perSecond * seconds, Math.floor(((performance.now() - begunMs) / 1_000) * perSecond));
      while (all.length < due) all.push(decided(containerIds[all.length % containerIds.length] ?? ""));
      if (all.length < perSecond * seconds) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  await Promise.all(all);
  tell({ type: "emitted", commits: store.commits });
}

function decided(containerId: string): Promise<void> {
  const submittedMs = monotonicMs();
  return runtime.loop.submit((work) =>
    work.addEvent({
      type: "container.running",
      severity: "info",
      message: "a container runs, says the bench",
      nodeId: null,
      containerId,
      migrationId: null,
      data: { [SUBMITTED]: submittedMs },
    }),
  );
}

function tell(message: HostReady | Emitted): void {
  if (process.connected) process.send?.(message);
}
