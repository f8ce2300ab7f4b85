import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { AgentPlane } from "../agents/agent-plane.ts";
import { parseListenAddress } from "../agents/listen-address.ts";
import type { RandomSource } from "../agents/random-source.ts";
import { startPublicPlane } from "../api/start-public-plane.ts";
import type { CoordinatorConfig } from "../config/config-keys.ts";
import { seedEggs } from "../eggs/seed-eggs.ts";
import { ProcessFenceHook } from "../fencing/process-fence-hook.ts";
import { AlertWebhook } from "../notify/alert-webhook.ts";
import type { Clock } from "../runtime/clock.ts";
import { FleetRuntime } from "../runtime/fleet-runtime.ts";
import { AlertDeliveryStore } from "../store/alert-delivery-store.ts";
import { PostgresDecisionStore } from "../store/decisions/postgres-decision-store.ts";
import { startEmbeddedPostgres } from "../store/embedded/embedded-postgres.ts";
import { JoinTokenStore } from "../store/join-token-store.ts";
import { NodeRegisterStore } from "../store/node-register-store.ts";
import { type Database, openDatabase } from "../store/open-database.ts";
import { seedFirstCluster } from "../store/seed-first-cluster.ts";
import type { CoordinatorFailpoints } from "./coordinator-failpoints.ts";
import { lockDataDirectory } from "./data-directory-lock.ts";
import { keepRetention } from "./keep-retention.ts";
import { leaseHolder } from "./lease-holder.ts";

export type CoordinatorParts = {
  readonly config: CoordinatorConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Logger;
  readonly version: string;
  readonly lifelineFd: number | null;
  /** For tests alone: points at which this process is made to die. */
  readonly failpoints: CoordinatorFailpoints | null;
};

export type RunningCoordinator = {
  readonly httpUrl: string;
  readonly agentAddress: string;
  /** Set only at the start that made it up. */
  readonly firstPassword: string | null;
  /** Ends everything in order: no new requests, no new decisions, leadership given up, database closed. */
  stop(): Promise<void>;
};

/**
 * Wires the coordinator and starts it from the inside out: database, runtime, agent plane, public plane. What was started
 * is stopped again, in reverse, when a later part cannot start.
 */
export async function runCoordinator(parts: CoordinatorParts): Promise<RunningCoordinator> {
  const { config, clock, random, log, version, lifelineFd, failpoints } = parts;
  const undo: (() => Promise<unknown> | unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step; step = undo.pop()) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error }, "a part did not stop in order; going on with the others");
      }
    }
  };
  try {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    undo.push(lockDataDirectory(config.dataDir));
    const databaseUrl = config.databaseUrl ?? (await embedded(config, lifelineFd, log, undo));
    const database = await openDatabase({ url: databaseUrl, log });
    undo.push(() => database.close());
    await seedFirstCluster(database, config, { newId: random.uuid, wallMs: clock.wallMs });
    await seedEggs(database, clock);
    undo.push(keepRetention(database, clock, log));
    const nodes = new NodeRegisterStore(database);
    const joinTokens = new JoinTokenStore(database);
    const store = new PostgresDecisionStore(database, { deliverAlerts: config.alertWebhookUrl !== null });
    const plane = new AgentPlane({
      listen: config.agentListen,
      dataDir: config.dataDir,
      nodes: failpoints?.nodes(nodes) ?? nodes,
      joinTokens: failpoints?.joinTokens(joinTokens) ?? joinTokens,
      ...(failpoints && { wrapStream: failpoints.stream }),
      clock,
      random,
      log,
    });
    const runtime = new FleetRuntime({
      store: failpoints?.store(store) ?? store,
      link: failpoints?.link(plane.link) ?? plane.link,
      clock,
      log,
      newId: random.uuid,
      instance: leaseHolder(config.instanceName, config.dataDir),
      leaderTtlMs: config.leaderTtlMs,
      fenceHook:
        config.fenceHook === null
          ? null
          : new ProcessFenceHook({
              path: config.fenceHook,
              timeoutMs: config.fenceHookTimeoutMs,
              clock,
              log,
              env: process.env,
            }),
    });
    await runtime.start();
    undo.push(() => runtime.stop());
    undo.push(tellOfAlerts(config, database, runtime, clock, log));
    const { address: agentAddress } = await plane.start(runtime.intake, runtime.operations);
    undo.push(() => plane.stop());
    const publicPlane = await startPublicPlane({
      listen: parseListenAddress(config.httpListen),
      database,
      databaseUrl,
      operations: runtime.operations,
      operators: runtime.operators,
      whatIf: runtime.whatIf,
      clusters: runtime.clusters,
      status: runtime,
      link: plane.link,
      createJoinToken: async (clusterId, createdBy) => ({
        ...(await plane.createJoinToken(clusterId, createdBy)),
        coordinatorAddress: agentAddress,
      }),
      clock,
      log,
      dataDir: config.dataDir,
      version,
      administrator: { email: config.adminEmail, password: config.adminPassword },
    });
    undo.push(() => publicPlane.stop());
    undo.push(announce(config.dataDir, { pid: process.pid, httpUrl: publicPlane.url, agentAddress }));
    return { httpUrl: publicPlane.url, agentAddress, firstPassword: publicPlane.firstPassword, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function embedded(
  config: CoordinatorConfig,
  lifelineFd: number | null,
  log: Logger,
  undo: (() => Promise<unknown> | unknown)[],
): Promise<string> {
  const postgres = await startEmbeddedPostgres({ dataDir: join(config.dataDir, "postgres"), lifelineFd, log });
  undo.push(() => postgres.stop());
  return postgres.url;
}

/** Posts changes of alerts where the configuration says. Returns the way to stop that. */
function tellOfAlerts(
  { alertWebhookUrl: url, alertWebhookSecret: secret }: CoordinatorConfig,
  database: Database,
  runtime: FleetRuntime,
  clock: Clock,
  log: Logger,
): () => Promise<void> {
  if (url === null) return async () => {};
  const webhook = new AlertWebhook({
    url,
    secret,
    deliveries: new AlertDeliveryStore(database),
    clock,
    log,
    leading: () => runtime.leading().leader,
    onCommitted: (callback) => runtime.onCommitted(() => callback()),
  });
  webhook.start();
  return () => webhook.stop();
}

/** Tells the machine's own CLI where this coordinator is. */
function announce(dataDir: string, where: { pid: number; httpUrl: string; agentAddress: string }): () => void {
  const file = join(dataDir, "run", "coordinator.json");
  writeFileSync(file, `${JSON.stringify(where)}\n`, { mode: 0o600 });
  return () => rmSync(file, { force: true });
}
