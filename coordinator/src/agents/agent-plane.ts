import type { Command } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { AgentIntake } from "../runtime/agent-intake.ts";
import type { AgentLink, OutboundCommand } from "../runtime/agent-link.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Operations } from "../runtime/operations.ts";
import { type Keyring, UnopenedSecretError } from "../secrets/keyring.ts";
import type { RegistryLogins } from "../secrets/registry-logins.ts";
import type { AnswerWrapper } from "./agent-answer.ts";
import { AgentServer } from "./agent-server.ts";
import { AgentStreams } from "./agent-streams.ts";
import { AttemptLimiter } from "./attempt-limiter.ts";
import { CertificateService } from "./certificate-service.ts";
import { CommandService } from "./command-service.ts";
import { EnrolmentService } from "./enrolment-service.ts";
import { HeartbeatService } from "./heartbeat-service.ts";
import { formatJoinToken, hashJoinSecret, JOIN_TOKEN_LIFE_MS, makeJoinToken } from "./join-token.ts";
import type { JoinTokenRegister } from "./join-token-register.ts";
import { KnownNodes } from "./known-nodes.ts";
import { LogService } from "./log-service.ts";
import { MessageValidator } from "./message-validator.ts";
import type { NodeRegister } from "./node-register.ts";
import { PeerGate } from "./peer-gate.ts";
import type { AuthorityRegister, TrustReport } from "./pki/authority-register.ts";
import { type CertificateAuthority, SERVER_LIFE_MS } from "./pki/certificate-authority.ts";
import { FleetAuthorities } from "./pki/fleet-authorities.ts";
import { type RotationAlerts, RotationKeeper } from "./pki/rotation-keeper.ts";
import { PlaneCounters } from "./plane-counters.ts";
import { PLANE_LIMITS, type PlaneLimits } from "./plane-limits.ts";
import type { PlaneLog } from "./plane-log.ts";
import type { RandomSource } from "./random-source.ts";
import { RefusalLog } from "./refusal-log.ts";
import { StreamFailures } from "./stream-failures.ts";
import { commandTo } from "./wire-mapping.ts";

/** The server's certificate is replaced after a third of its life, and tried again this often when that fails. */
const RENEW_SERVER_MS = SERVER_LIFE_MS / 3;
const RENEW_AGAIN_MS = 60_000;
/** Between telling a node why its streams end and cutting its connections. */
const LAST_WORDS_MS = 200;
/** Nodes looked up at once by the sweep. */
const SWEEP_NODES_MAX = 10_000;

export type AgentPlaneParts = {
  /** Address to listen on, "127.0.0.1:7443"; port 0 takes a free one. */
  readonly listen: string;
  /** Further host names and addresses for the server's certificate. */
  readonly hosts?: readonly string[];
  readonly dataDir: string;
  readonly nodes: NodeRegister;
  readonly joinTokens: JoinTokenRegister;
  /** Where coordinators agree on the fleet's authority; null: it is the data directory's, and cannot be replaced. */
  readonly authorities: AuthorityRegister | null;
  /** How this coordinator calls itself to the others. */
  readonly instance: string;
  /** Opens what of a workload is secret, on its way to the agent. */
  readonly keyring: Keyring;
  /** Who nodes are at registries; absent: nobody. */
  readonly registries?: Pick<RegistryLogins, "loginsFor">;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: PlaneLog;
  readonly limits?: Partial<PlaneLimits>;
  /** For tests alone: given every stream of an agent before it is served, answers the one to serve. */
  readonly wrapStream?: <Stream extends object>(stream: Stream) => Stream;
  /** For tests alone: given the way in which a call is answered. */
  readonly wrapAnswer?: AnswerWrapper;
};

type Running = {
  readonly authorities: FleetAuthorities;
  readonly server: AgentServer;
  readonly cancel: () => void;
  readonly keeper: RotationKeeper | null;
};

/**
 * Everything that agents speak to. `link` can be handed to the runtime before start(); until then, and after stop(), it
 * behaves as if no node were connected.
 */
export class AgentPlane {
  readonly link: AgentLink;
  readonly counters = new PlaneCounters();
  readonly #parts: AgentPlaneParts;
  readonly #limits: PlaneLimits;
  readonly #streams: AgentStreams;
  readonly #known: KnownNodes;
  #running: Running | null = null;

  constructor(parts: AgentPlaneParts) {
    this.#parts = parts;
    this.#limits = { ...PLANE_LIMITS, ...parts.limits };
    this.#known = new KnownNodes(parts.nodes, parts.clock, this.#limits.nodeCacheMs);
    this.#streams = new AgentStreams(
      this.#limits,
      parts.clock,
      parts.random,
      this.counters,
      (nodeId, command) => this.#worded(nodeId, command),
      (peer) => this.#running?.server.connections.cut(peer),
    );
    this.link = this.#streams;
  }

  /** The authority that vouches for this coordinator; only while running. */
  get authority(): CertificateAuthority {
    return this.#started().authorities.serving;
  }

  /** The fleet's authorities; only while running. */
  get authorities(): FleetAuthorities {
    return this.#started().authorities;
  }

  /** What is open now, for metrics. */
  gauges(): { connections: number; heartbeat: number; commands: number; readings: number } {
    return { connections: this.#running?.server.connections.open ?? 0, ...this.#streams.open() };
  }

  /** Opens (or makes) the authority and listens. Rejects with what to do; then nothing is left open. */
  async start(
    intake: AgentIntake,
    operations: Pick<Operations, "enrolNode" | "awaitApproval">,
    alerts: RotationAlerts = { stalled: async () => undefined },
  ): Promise<{ address: string }> {
    if (this.#running !== null) throw new Error("the agent plane runs already");
    const { clock, random, log, nodes, joinTokens, dataDir, listen, keyring, hosts = [] } = this.#parts;
    const limits = this.#limits;
    const { counters } = this;
    const register = this.#parts.authorities;
    const authorities = await FleetAuthorities.open({ dataDir, register, keyring, clock, random });
    const keeper = register && this.#keeper(authorities, register, intake, alerts);
    const refusals = new RefusalLog(log, clock, counters);
    const validator = new MessageValidator(counters);
    const failures = new StreamFailures(log, refusals, counters);
    const streamParts = {
      ...{ intake, streams: this.#streams, validator, failures, counters, limits, clock },
      authoritiesReported: (report: TrustReport) => keeper?.reported(report),
    };
    const limiter = new AttemptLimiter({ burst: limits.enrolBurst, refillMs: limits.enrolRefillMs }, clock);
    const server = new AgentServer(
      {
        authorities,
        limits,
        clock,
        counters,
        refusals,
        log,
        gate: new PeerGate(authorities, this.#known, clock, refusals),
        enrolment: new EnrolmentService({
          ...{ authorities, operations, joinTokens, validator, limiter, counters, refusals, log, clock },
        }),
        heartbeats: new HeartbeatService(streamParts),
        commands: new CommandService(streamParts),
        logs: new LogService(streamParts),
        certificates: new CertificateService({ authorities, nodes, validator, counters, log }),
        wrapStream: this.#parts.wrapStream ?? ((stream) => stream),
        wrapAnswer: this.#parts.wrapAnswer ?? ((_, answer) => answer),
      },
      await authorities.issueServer(hosts),
    );
    const address = await server.connections.listen(listen);
    const renew = async (): Promise<void> => server.connections.renew(await authorities.issueServer(hosts));
    const complaint = "server certificate not renewed";
    const cancelRenewal = repeat(clock, RENEW_SERVER_MS, RENEW_AGAIN_MS, log, complaint, renew);
    const unfollow = authorities.onChange(() => {
      renew().catch((error: unknown) => log.error({ err: error }, complaint));
    });
    const cancelSweep = repeat(clock, limits.sweepMs, limits.sweepMs, log, "open streams not checked", () =>
      this.#sweep(),
    );
    this.#running = {
      authorities,
      server,
      keeper,
      cancel: () => {
        unfollow();
        cancelRenewal();
        cancelSweep();
      },
    };
    keeper?.start();
    log.info({ address, ca: authorities.serving.caDigestHex }, "agent plane listens");
    return { address };
  }

  /** A join token for one node of a cluster; the text is shown once and stored hashed. Only while running. */
  async createJoinToken(
    clusterId: string,
    createdBy: string,
    needsApproval = false,
  ): Promise<{ token: string; expiresAt: Date }> {
    const { serving } = this.#started().authorities;
    const { random, clock, joinTokens } = this.#parts;
    const token = makeJoinToken(random, serving.caDigestHex);
    const createdAtMs = clock.wallMs();
    const expiresAtMs = createdAtMs + JOIN_TOKEN_LIFE_MS;
    await joinTokens.create({
      secretHash: hashJoinSecret(token.secret),
      clusterId,
      createdBy,
      createdAtMs,
      expiresAtMs,
      needsApproval,
    });
    return { token: formatJoinToken(token), expiresAt: new Date(expiresAtMs) };
  }

  /**
   * A node's standing has changed (revoked, removed): nothing more is taken from its streams or sent on them from now on,
   * and its connections are cut as soon as it could read why.
   */
  invalidateNode(nodeId: string, reason = "the node's standing has changed"): void {
    this.#known.forget(nodeId);
    this.#streams.disconnect(nodeId, reason);
    this.#running?.server.connections.cutNode(nodeId, LAST_WORDS_MS);
  }

  /** Ends every stream with a reason, closes the port. The link stays and says that nobody is connected. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    running.cancel();
    await running.keeper?.stop();
    const { heartbeat, commands } = this.#streams.open();
    this.#streams.disconnectAll("the coordinator stops");
    if (heartbeat + commands > 0) await this.#lastWords();
    await running.server.stop();
  }

  #keeper(
    authorities: FleetAuthorities,
    register: AuthorityRegister,
    intake: AgentIntake,
    alerts: RotationAlerts,
  ): RotationKeeper {
    const { instance: name, clock, log } = this.#parts;
    const ask = (nodeId: string, withinMs: number): boolean => this.#streams.askToRenew(nodeId, withinMs);
    return new RotationKeeper({ authorities, register, name, leads: () => intake.leads(), ask, alerts, clock, log });
  }

  #worded(nodeId: string, command: OutboundCommand): Command | null {
    const { keyring, registries, log } = this.#parts;
    try {
      return commandTo(
        command,
        (spec, key) => keyring.openWorkload(spec, key),
        (clusterId, servers) => registries?.loginsFor(clusterId, servers) ?? [],
      );
    } catch (error) {
      if (!(error instanceof UnopenedSecretError)) throw error;
      const { commandId, containerId, requestId } = command;
      const reason = error.message;
      log.error(
        { nodeId, commandId, containerId, requestId, reason },
        "a command was not sent: the secrets of its container do not open; give this coordinator their master key, or set them anew (docs/secrets.md)",
      );
      return null;
    }
  }

  #lastWords(): Promise<void> {
    return new Promise((resolve) => void this.#parts.clock.schedule(LAST_WORDS_MS, resolve));
  }

  #started(): Running {
    if (this.#running === null) throw new Error("the agent plane does not run: start it first");
    return this.#running;
  }

  /** Revocation and the end of a certificate bite open streams too, whoever caused them. */
  async #sweep(): Promise<void> {
    const nowMs = this.#parts.clock.wallMs();
    const peers = this.#streams.peers();
    for (const peer of peers) {
      if (nowMs >= peer.notAfterMs) this.invalidateNode(peer.nodeId, "the node's certificate has ended");
    }
    const nodeIds = [...new Set(peers.map((peer) => peer.nodeId))];
    for (let start = 0; start < nodeIds.length; start += SWEEP_NODES_MAX) {
      const refused = await this.#parts.nodes.refusedAmong(nodeIds.slice(start, start + SWEEP_NODES_MAX));
      for (const nodeId of refused) this.invalidateNode(nodeId, "the node has been revoked");
    }
  }
}

/** Does work again and again: afterMs from now, then afterMs after each end, or againMs after a failure, which is logged. */
function repeat(
  clock: Clock,
  afterMs: number,
  againMs: number,
  log: PlaneLog,
  failure: string,
  work: () => Promise<void>,
): () => void {
  let stopped = false;
  let cancel = clock.schedule(afterMs, () => void run());
  const run = async (): Promise<void> => {
    let nextMs = afterMs;
    try {
      await work();
    } catch (error) {
      nextMs = againMs;
      log.error({ err: error }, failure);
    }
    if (!stopped) cancel = clock.schedule(nextMs, () => void run());
  };
  return () => {
    stopped = true;
    cancel();
  };
}
