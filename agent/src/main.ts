import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { FAILPOINT_VARIABLE } from "@lormas/wire/failpoints.ts";
import { pino } from "pino";
import { bootClock, bootId, systemTimers, wallClock } from "./clock/clock.ts";
import { type AgentConfig, agentConfig } from "./config/agent-config.ts";
import { killNodePass } from "./guard/guard-hands.ts";
import { lifelineFd, watchLifeline } from "./guard/lifeline.ts";
import { guardRestarts, presentLaunch } from "./guard-client/agent-launch.ts";
import { agentEnforcement } from "./guard-client/deadline-enforcer.ts";
import { GuardClient } from "./guard-client/guard-client.ts";
import { guardProcessDoor } from "./guard-client/guard-process-door.ts";
import { guardRunDir } from "./guard-client/guard-run-dir.ts";
import { Journal } from "./journal/journal.ts";
import type { AgentFailpoints } from "./node/agent-failpoints.ts";
import { takeDataDir } from "./node/data-dir-lock.ts";
import { NodeAgent } from "./node/node-agent.ts";
import { ResourceMeter } from "./node/node-resources.ts";
import { GrpcPeerPlane } from "./peers/grpc-peer-plane.ts";
import { portFile } from "./peers/kept-port.ts";
import { writableCgroups } from "./process/cgroup-layout.ts";
import { cgroupPaths, type NodeCgroups } from "./process/node-cgroups.ts";
import { CommandScope } from "./runtime/command-scope.ts";
import { chooseRuntime, openRuntime } from "./runtime/open-runtime.ts";
import { keepCertificateFresh } from "./session/certificate-renewal.ts";
import { coordinatorClient, enrolCall } from "./session/coordinator-client.ts";
import { CredentialFiles, type CredentialStore, type Credentials } from "./session/credentials.ts";
import { EnrolmentRefused, enrol } from "./session/enrolment.ts";
import { RenewalWish } from "./session/renewal-wish.ts";
import { authoritiesReport } from "./session/trusted-authorities.ts";

// The agent of one node: reads its settings, wires the parts and ends cleanly. Exit codes: 0 after a clean stop, 1 when it
// could not go on, 2 when its settings are refused.

const outcome = agentConfig(process.argv.slice(2), process.env, hostname());
if ("help" in outcome) {
  console.log(outcome.help);
  process.exit(0);
}
if ("problems" in outcome) {
  for (const problem of outcome.problems) console.error(`lormas-agent: ${problem}`);
  process.exit(2);
}
const config: AgentConfig = outcome.config;
const commands = new CommandScope();
const log = pino({ level: config.logLevel, base: { node: config.name }, mixin: () => ({ ...commands.current() }) });
const clock = bootClock();
const stopping = new AbortController();
const fd = lifelineFd(process.env);
let killEverything: () => number = () => 0;
let cleanStop: (reason: string, leave: boolean) => void = () => process.exit(0);

if (fd !== null) {
  watchLifeline(fd, () => {
    const endMs = clock.nowMs() + 1_500;
    const pass = () => {
      const found = killEverything();
      // Not process.exit, which waits for a file that is being written, and that may take longer than we are given.
      if (found === 0 || clock.nowMs() >= endMs) process.kill(process.pid, "SIGKILL");
      systemTimers.after(10, pass);
    };
    pass();
  });
}
// SIGTERM and SIGINT leave: goodbye is said and HA containers move at once. SIGUSR2 only stops what runs here: the local
// fleet ends as a whole, and every container shall be where it was when it starts again.
for (const signal of ["SIGTERM", "SIGINT", "SIGUSR2"] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    cleanStop(`the agent got ${signal}`, signal !== "SIGUSR2");
  });
}

try {
  await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof EnrolmentRefused) log.fatal(message);
  else log.fatal({ err: error }, message);
  process.exit(1);
}

async function main(): Promise<void> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  takeDataDir(config.dataDir);
  const failpoints = await failpointsIfAskedFor();
  const files = new CredentialFiles(config.dataDir);
  const store = failpoints?.credentials(files) ?? files;
  let credentials = (await store.load()) ?? (await enrolNow(store, failpoints?.enrolment(enrolCall) ?? enrolCall));
  const { nodeId } = credentials;
  const choice = await chooseRuntime(config, systemTimers, log, stopping.signal);
  const paths = cgroupPaths(config.cgroupParent, nodeId, choice.cgroupDriver);
  const layout = writableCgroups(paths.ha);
  const cgroups: NodeCgroups | null = layout && { layout, paths };
  if (!cgroups)
    log.warn("no control groups can be made here: containers run without limits, killed by process group alone");

  const openJournal = await Journal.open(config.dataDir);
  const journal = failpoints?.journal(openJournal) ?? openJournal;
  // HA containers end with the lease and start elsewhere; an agent that came back here would find a journal that is whole.
  void journal.broken.then((fault) => {
    log.fatal({ err: fault }, "the agent ends, since it can promise nothing any more");
    process.exit(1);
  });
  const restarts = guardRestarts(config.guardRestartsAgent, process.env, process.pid);
  const peers =
    config.peers &&
    (await GrpcPeerPlane.open({
      credentials: () => credentials,
      ...config.peers,
      address: config.address,
      keptPort: portFile(join(config.dataDir, "peer-port")),
      clock,
      timers: systemTimers,
      wall: wallClock,
      log,
    }));
  const guard = await GuardClient.open({
    launch: restarts ? presentLaunch(config.dataDir, layout) : null,
    door: guardProcessDoor(
      {
        runDir: guardRunDir(config.dataDir, config.runDir),
        logPath: join(config.dataDir, "guard.log"),
        cgroups: cgroups && paths,
        watchdog: config.watchdog,
      },
      fd,
    ),
    timers: systemTimers,
    log,
  });
  killEverything = () =>
    killNodePass(cgroups, guard.groups, (error) => log.error({ err: error }, "a pass of killing failed"));
  const openedRuntime = await openRuntime({
    config,
    choice,
    node: { nodeId, nodeName: credentials.nodeName, address: config.address },
    cgroups,
    hostMark: process.env["LORMAS_HOST_MARK"] ?? null,
    bootId: bootId(),
    clock,
    wall: wallClock,
    timers: systemTimers,
    log,
    commands,
  });
  const runtime = failpoints?.runtime(openedRuntime) ?? openedRuntime;
  const guardLink = failpoints?.guard(guard) ?? guard;
  // A connection that has ended, by whichever side, makes the next one go to the next coordinator: the leader is one of them.
  let dials = 0;
  const connect = () => {
    const client = coordinatorClient(oneOf(config.coordinators, dials), credentials);
    dials += 1;
    return failpoints?.client(client) ?? client;
  };
  const enforcement = agentEnforcement(cgroups, () => guard.groups, log);
  const meter = new ResourceMeter(config.dataDir);
  const renewalWish = new RenewalWish(clock, Math.random);
  const agent = new NodeAgent({
    nodeId,
    incarnation: randomUUID(),
    address: config.address,
    portPool: config.portPool,
    runtime,
    journal,
    guard: guardLink,
    enforcement: failpoints?.enforcement(enforcement) ?? enforcement,
    connect,
    ...(peers ? { peers: failpoints?.peers(peers) ?? peers } : {}),
    authorities: {
      report: () => authoritiesReport(credentials),
      renewSoon: (withinMs) => renewalWish.ask(withinMs),
    },
    measure: () => meter.measure(),
    clock,
    timers: systemTimers,
    random: Math.random,
    log,
    commands,
  });
  cleanStop = (reason, leave) => {
    log.info({ reason, leave }, "stopping");
    guardLink
      .leaving()
      .then(() => agent.stop(reason, leave))
      .then(() => peers?.close())
      .then(() => guardLink.dismiss())
      .then(() => journal.close())
      .then(() => runtime.close())
      .then(() => process.exit(0))
      .catch((error: unknown) => {
        log.fatal({ err: error }, "not everything could be stopped; the guard goes on");
        process.exit(1);
      });
  };
  log.info(
    {
      ...{ nodeId, runtime: runtime.kind, dataDir: config.dataDir },
      ...{ coordinators: config.coordinators, peerAddress: peers?.address ?? "off" },
    },
    "agent started",
  );
  void keepCertificateFresh({
    store,
    credentials: () => credentials,
    renewed: (fresh) => {
      credentials = fresh;
      peers?.renew(fresh);
      agent.tellAuthorities();
    },
    wish: renewalWish,
    client: () => agent.client,
    timers: systemTimers,
    wall: wallClock,
    random: Math.random,
    log,
    signal: stopping.signal,
  });
  if (stopping.signal.aborted) cleanStop("the agent was told to stop", true);
  await agent.run();
}

/** The configuration has at least one. */
function oneOf(coordinators: readonly string[], turn: number): string {
  return coordinators[turn % coordinators.length] ?? "";
}

async function enrolNow(store: CredentialStore, ask: typeof enrolCall): Promise<Credentials> {
  const token = config.joinToken ?? (config.joinTokenFile ? readFileSync(config.joinTokenFile, "utf8") : null);
  if (token === null) {
    throw new EnrolmentRefused(
      `${config.dataDir} holds no node yet: make a join token and give it as LORMAS_JOIN_TOKEN or --join-token-file`,
    );
  }
  const { coordinators, name } = config;
  const credentials = await enrol({
    store,
    ask,
    coordinatorFor: (attempt) => oneOf(coordinators, attempt),
    name,
    token,
    timers: systemTimers,
    wall: wallClock,
    random: Math.random,
    log,
    signal: stopping.signal,
  });
  log.info({ nodeId: credentials.nodeId, cluster: credentials.clusterName }, "enrolled");
  return credentials;
}

/** For tests alone: LORMAS_FAILPOINT makes this process die at a named point. */
async function failpointsIfAskedFor(): Promise<AgentFailpoints | null> {
  const asked = process.env[FAILPOINT_VARIABLE];
  if (!asked) return null;
  log.warn({ [FAILPOINT_VARIABLE]: asked }, "THIS PROCESS KILLS OR STOPS ITSELF AT A FAILPOINT: for tests alone");
  const { agentFailpoints } = await import("./node/agent-failpoints.ts");
  return agentFailpoints(process.env, {
    kill: () => process.kill(process.pid, "SIGKILL"),
    stop: () => process.kill(process.pid, "SIGSTOP"),
  });
}
