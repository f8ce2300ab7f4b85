import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NodeStatus, VoterState, type VotingGroup } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { CliContext } from "../cli-context.ts";
import { createApiClient } from "../client/api-client.ts";
import { findCoordinator } from "../client/coordinator-access.ts";
import { votersMax } from "../client/voters-max.ts";
import { type ExitCode, exitCode } from "../exit-code.ts";
import { serveControl } from "./control-handler.ts";
import type { CoordinatorReady } from "./coordinator-ready.ts";
import { DataDir } from "./data-dir.ts";
import { DataDirLock } from "./data-dir-lock.ts";
import type { LocalFleet } from "./local-fleet.ts";
import { LoopbackClaim } from "./loopback-claim.ts";
import { type NodePlan, planNodes } from "./node-plan.ts";
import { npmAncestors, parseAncestors } from "./npm-ancestors.mjs";
import { watchOwner } from "./owner-watch.ts";
import { readyReport } from "./ready-report.ts";
import { onStopSignals } from "./stop-signals.ts";
import { calmStop, defaultBounds, hardStop, hastyStop, type Program, Supervisor } from "./supervisor.ts";

/** Flags of `lormas up`. */
export interface UpOptions {
  readonly runtime: string;
  readonly nodes: number;
  readonly dataDir?: string | undefined;
  readonly httpListen?: string | undefined;
  readonly agentListen?: string | undefined;
}

/** Environment that is the supervisor's own and not its children's. */
const ownVariables = ["LORMAS_LIFELINE_FD", "LORMAS_ANCESTORS", "LORMAS_HOST_MARK", "LORMAS_JOIN_TOKEN"];
/** Environment of the coordinator that agents have no business with. */
const coordinatorVariables =
  /^(DATABASE_URL|LORMAS_(ADMIN|TOKEN|URL|HTTP|AGENT_LISTEN|SECRET_KEY|OTHER_SECRET_KEYS)|PG[A-Z]+$)/;

/** Runs coordinator and local fleet until a stop signal, or until whoever started this process is gone. */
export async function runUp(context: CliContext, options: UpOptions): Promise<ExitCode> {
  const { clock, print } = context;
  const dataDir = DataDir.prepare(context.dataDir(options).path);
  const lock = DataDirLock.take(dataDir);
  const claim = process.platform === "linux" ? await LoopbackClaim.take() : undefined;
  const nodes = planNodes(options.nodes, claim?.prefix);
  const supervisor = new Supervisor({
    dataDir,
    clock,
    coordinator: coordinatorProgram(context, options, dataDir),
    agent: (node, ready, joinToken) => agentProgram(context, options, dataDir, node, ready, joinToken),
    nodes,
    connect: (ready) => localFleet(context, ready, dataDir, nodes),
    newMark: () => context.randomHex(16),
    say: print,
    bounds: defaultBounds,
  });
  const control = await serveControl(dataDir, supervisor);
  const { ended, close } = untilTold(context, supervisor);
  try {
    await bringUp(context, options, supervisor);
    return await ended;
  } catch (error) {
    if (supervisor.stopping.aborted) return await ended;
    await supervisor.stop(calmStop);
    throw error;
  } finally {
    close();
    await control.close();
    await claim?.release();
    lock.release();
  }
}

async function bringUp(context: CliContext, options: UpOptions, supervisor: Supervisor): Promise<void> {
  const { clock, print } = context;
  const startMs = clock.nowMs();
  const since = () => `${((clock.nowMs() - startMs) / 1000).toFixed(1)} s`;
  print(`Lormas ${context.version}: starting the coordinator and ${options.nodes} nodes`);
  const ready = await supervisor.startCoordinator();
  print(`  coordinator ready after ${since()}`);
  const missing = await supervisor.startAgents();
  if (supervisor.stopping.aborted) return;
  if (missing.length === 0) print(`  ${options.nodes} nodes healthy after ${since()}`);
  else
    context.warn(
      `lormas: ${missing.join(", ")} not healthy after ${since()}\n  next: see ${missing.map((name) => context.dataDir(options).log(name)).join(", ")}`,
    );
  for (const line of readyReport(ready)) print(line);
}

/**
 * `ended` resolves when everything has ended, after a stop signal or the loss of the owner; close() stops listening for
 * both.
 */
function untilTold(context: CliContext, supervisor: Supervisor): { ended: Promise<ExitCode>; close: () => void } {
  const { clock, env, print } = context;
  const { promise: ended, resolve, reject } = Promise.withResolvers<ExitCode>();
  const finish = (stop: Promise<void>, code: ExitCode) => {
    stop.then(() => resolve(code), reject);
  };
  const endSignals = onStopSignals(
    clock,
    () => {
      print("Stopping the fleet (again to kill it at once)");
      finish(supervisor.stop(calmStop), exitCode.ok);
    },
    () => finish(supervisor.stop(hardStop), exitCode.ok),
  );
  const endWatch = watchOwner(clock, lifelineFd(env), ancestorsOf(env), (what) => {
    context.warn(`lormas: ${what} is gone: stopping the fleet`);
    finish(supervisor.stop(supervisor.stopping.aborted ? hardStop : hastyStop), exitCode.failed);
  });
  const close = () => {
    endSignals();
    endWatch();
  };
  return { ended, close };
}

function lifelineFd(env: NodeJS.ProcessEnv): number | undefined {
  const text = env["LORMAS_LIFELINE_FD"];
  return text === undefined || text === "" ? undefined : Number(text);
}

function ancestorsOf(env: NodeJS.ProcessEnv) {
  const given = env["LORMAS_ANCESTORS"];
  if (given !== undefined) return parseAncestors(given);
  return env["npm_command"] === undefined ? [] : npmAncestors(process.pid);
}

function inherited(env: NodeJS.ProcessEnv, left: (name: string) => boolean): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !ownVariables.includes(name) && !left(name)) kept[name] = value;
  }
  return kept;
}

function coordinatorProgram(context: CliContext, options: UpOptions, dataDir: DataDir): Program {
  const listen: Record<string, string> = {};
  if (options.httpListen !== undefined) listen["LORMAS_HTTP_LISTEN"] = options.httpListen;
  if (options.agentListen !== undefined) listen["LORMAS_AGENT_LISTEN"] = options.agentListen;
  return {
    executable: process.execPath,
    args: [join(context.repository, "coordinator", "src", "main.ts")],
    cwd: context.repository,
    environment: { ...inherited(context.env, () => false), LORMAS_DATA_DIR: dataDir.path, ...listen },
  };
}

function agentProgram(
  context: CliContext,
  options: UpOptions,
  dataDir: DataDir,
  node: NodePlan,
  ready: CoordinatorReady,
  joinToken: string | undefined,
): Program {
  const environment = inherited(context.env, (name) => coordinatorVariables.test(name) || name === "LORMAS_DATA_DIR");
  if (joinToken !== undefined) environment["LORMAS_JOIN_TOKEN"] = joinToken;
  return {
    executable: process.execPath,
    args: [
      join(context.repository, "agent", "src", "main.ts"),
      ...["--data-dir", dataDir.node(node.name), "--coordinator", ready.agentAddress],
      ...["--name", node.name, "--address", node.address, "--runtime", options.runtime],
      ...(node.portPool === undefined ? [] : ["--port-pool", node.portPool]),
      ...(node.peerListen === undefined ? [] : ["--peer-listen", node.peerListen]),
    ],
    cwd: context.repository,
    environment,
  };
}

function localFleet(
  context: CliContext,
  ready: CoordinatorReady,
  dataDir: DataDir,
  plan: readonly NodePlan[],
): LocalFleet {
  const cluster = context.env["LORMAS_CLUSTER"] || "local";
  const api = createApiClient(
    findCoordinator({ url: ready.httpUrl, tokenFile: dataDir.adminToken }, {}, dataDir, context.contexts),
  );
  return {
    createJoinToken: async () => (await api.nodes.createJoinToken({ cluster })).token,
    nodes: async () => {
      const { nodes } = await api.nodes.listNodes({ pageSize: 1000 });
      const group = nodes.length > 1 ? (await api.clusters.getCluster({ id: cluster })).cluster?.group : undefined;
      const own = namesById(dataDir, plan);
      return nodes.map((node) => ({
        id: node.id,
        name: own.get(node.id) ?? node.name,
        healthy: node.status === NodeStatus.HEALTHY && (nodes.length === 1 || failsOver(group, node.id)),
        heardAt: node.lastHeartbeat === undefined ? "" : `${node.lastHeartbeat.seconds}.${node.lastHeartbeat.nanos}`,
      }));
    },
  };
}

/** Which agent is which node, of those that are enrolled: somebody may have renamed it since. */
function namesById(dataDir: DataDir, plan: readonly NodePlan[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { name } of plan) {
    const file = join(dataDir.node(name), "node.json");
    if (!existsSync(file)) continue;
    const { nodeId } = JSON.parse(readFileSync(file, "utf8")) as { nodeId?: unknown };
    if (typeof nodeId === "string") names.set(nodeId, name);
  }
  return names;
}

/**
 * True once the death of the node would move what it runs. Two nodes must vote for that: before, nobody can prove a death. And
 * the node must have confirmed that it belongs to them: one that was long alone, in an older run of this fleet for example,
 * may believe until then that nothing fences it.
 */
function failsOver(group: VotingGroup | undefined, nodeId: string): boolean {
  if (group === undefined) return false;
  const voter = group.voters.find((one) => one.nodeId === nodeId);
  if (voter === undefined) return group.voters.length >= votersMax;
  return voter.state === VoterState.HOLDS_LEASE && voter.confirmedEpoch >= group.epoch;
}
