// The runtime and the public plane of a coordinator in one process, as run-coordinator.ts wires them, which also commits events
// when it is told to: node host-main.ts ORDER.json, started by api-host.ts. Ends with its parent.
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { startPublicPlane } from "@lormas/coordinator/api/start-public-plane.ts";
import type { DecisionChanges } from "@lormas/coordinator/runtime/decision-store.ts";
import { FakeAgents } from "@lormas/coordinator/runtime/fake-agents.ts";
import { FleetRuntime } from "@lormas/coordinator/runtime/fleet-runtime.ts";
import { ServedRequests } from "@lormas/coordinator/runtime/request-scope.ts";
import { systemClock } from "@lormas/coordinator/runtime/system-clock.ts";
import { Keyring } from "@lormas/coordinator/secrets/keyring.ts";
import { KEY_BYTES, MasterKey } from "@lormas/coordinator/secrets/master-key.ts";
import { PostgresDecisionStore } from "@lormas/coordinator/store/decisions/postgres-decision-store.ts";
import { openDatabase } from "@lormas/coordinator/store/open-database.ts";
import { silentLog } from "@lormas/coordinator/store/store-log.ts";
import { UsageBoard } from "@lormas/coordinator/usage/usage-board.ts";
import pino from "pino";
import { monotonicMs } from "../frame/monotonic-clock.ts";
import {
  type EmitOrder,
  type Emitted,
  type ForetellOrder,
  type Foretold,
  type Held,
  type HeldOrder,
  type HostOrder,
  type HostReady,
  SUBMITTED,
} from "./host-message.ts";

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
const keyring = new Keyring(new MasterKey(randomBytes(KEY_BYTES)));
const requests = new ServedRequests();
const runtime = new FleetRuntime({
  store,
  link,
  keyring,
  clock: systemClock,
  log: silentLog,
  newId: randomUUID,
  instance: "bench",
  leaderTtlMs: 15_000,
  requests,
});
link.use(runtime.intake);
await runtime.start();
const plane = await startPublicPlane({
  listen: { host: "127.0.0.1", port: 0 },
  requests,
  database,
  databaseUrl,
  keyring,
  operations: runtime.operations,
  operators: runtime.operators,
  whatIf: runtime.whatIf,
  clusters: runtime.clusters,
  foretell: runtime.foretell,
  status: runtime,
  link,
  usage: new UsageBoard(),
  createJoinToken: () => Promise.reject(new Error("nobody joins this fleet")),
  clock: systemClock,
  log,
  dataDir,
  version: "bench",
  administrator: { email: "bench@lormas.local", password: null },
});

let longestTurnMs = 0;
let cpuBefore = process.threadCpuUsage();
// What this thread has computed since the last turn of a timer: unlike the time that went by it does not depend on who else uses
// the cores.
setInterval(() => {
  const { user, system } = process.threadCpuUsage(cpuBefore);
  longestTurnMs = Math.max(longestTurnMs, (user + system) / 1_000);
  cpuBefore = process.threadCpuUsage();
}, TICK_MS);

process.on("message", (order: EmitOrder | ForetellOrder | HeldOrder) => {
  switch (order.type) {
    case "emit":
      return void emit(order);
    case "foretell":
      return void foretell(order);
    case "held":
      tell({ type: "held", longestMs: longestTurnMs });
      longestTurnMs = 0;
      return;
    default:
      order satisfies never;
  }
});
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

/** As a fleet that changes all the time has it, without what its changes themselves cost. */
async function foretell({ seconds }: ForetellOrder): Promise<void> {
  const [node] = [...runtime.state.nodes()];
  if (!node) throw new Error("there is no node to change");
  const tookMs: number[] = [];
  for (const endMs = performance.now() + seconds * 1_000; performance.now() < endMs; ) {
    await runtime.operators.update(node.facts.id, { priority: tookMs.length % 2 === 0 ? 11 : 10 }, "bench");
    const begunMs = performance.now();
    await runtime.whatIf.all();
    tookMs.push(performance.now() - begunMs);
  }
  tell({ type: "foretold", tookMs });
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

function tell(message: HostReady | Emitted | Foretold | Held): void {
  if (process.connected) process.send?.(message);
}
