import { create } from "@bufbuild/protobuf";
import {
  type Ack,
  type AuthoritiesReport,
  HelloSchema,
  ResourcesSchema,
  type Welcome,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { MembershipEpoch } from "@lormas/lease/membership.ts";
import type { Logger } from "pino";
import type { BootClock, Timers } from "../clock/clock.ts";
import { AGENT_VERSION } from "../config/agent-version.ts";
import { Executor } from "../executor/executor.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";
import type { Journal } from "../journal/journal.ts";
import { PeerDesk } from "../peers/peer-desk.ts";
import type { PeerPlane } from "../peers/peer-plane.ts";
import { type AskerCounts, VoteAsker } from "../peers/vote-asker.ts";
import type { CommandScope } from "../runtime/command-scope.ts";
import type { ContainerRuntime } from "../runtime/container-runtime.ts";
import { AttachedStream } from "../session/attached-stream.ts";
import { backOffMs, dialLimits } from "../session/back-off.ts";
import { commandSession } from "../session/command-session.ts";
import { CONSOLE_FEATURE, ConsoleDesk, TERMINAL_FEATURE } from "../session/console-desk.ts";
import type { CoordinatorClient } from "../session/coordinator-client.ts";
import type { Enforcement } from "../session/enforcement.ts";
import { heartbeatSession } from "../session/heartbeat-session.ts";
import { LeaseKeeper } from "../session/lease-keeper.ts";
import { linkTrouble } from "../session/link-trouble.ts";
import { LogPusher } from "../session/log-push.ts";
import { AUTHORITIES_FEATURE } from "../session/trusted-authorities.ts";
import { architecture, type NodeResources, platform } from "./node-resources.ts";

/** How often resources and the engine are looked at, and every container is reported. */
const MEASURE_MS = 1_000;
const REVIEW_MS = 10_000;
/** A connection that held this long was a good one: the next dial comes soon. */
const GOOD_LINK_MS = 5_000;
/** How long an agent that leaves tries to be heard. */
const GOODBYE_MS = 2_000;
/** Why the work of a connection is given up; without a reason each end would make an error that nobody reads. */
const LINK_OVER = "the connection is over";
/** Longest grace at the end of the agent; a container that needs more is killed. */
export const LEAVE_GRACE_MAX_MS = 60_000;

export type NodeAgentOptions = {
  readonly nodeId: string;
  /** Random identity of this run (UUID). */
  readonly incarnation: string;
  readonly address: string;
  readonly portPool: { readonly min: number; readonly max: number };
  readonly runtime: ContainerRuntime;
  readonly journal: Journal;
  readonly guard: GuardLink;
  readonly enforcement: Enforcement;
  /** Opens a fresh connection with the present certificate. */
  readonly connect: () => CoordinatorClient;
  /** The way to other agents; without one this node gives no votes and survives by none. */
  readonly peers?: PeerPlane;
  /** Takes wishes for renewals, and tells whom this node trusts; absent: it is asked for none. */
  readonly authorities?: { readonly report: () => AuthoritiesReport; readonly renewSoon: (withinMs: number) => void };
  readonly measure: () => Promise<{ capacity: NodeResources; usage: NodeResources }>;
  readonly clock: BootClock;
  readonly timers: Timers;
  /** From [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Told which command is being carried out, for the log; absent: nobody is. */
  readonly commands?: CommandScope;
};

/** One node's agent: keeps the connection, the lease and the commands together. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #lease: LeaseKeeper;
  readonly #executor: Executor;
  readonly #logs: LogPusher;
  readonly #console: ConsoleDesk;
  readonly #desk: PeerDesk;
  readonly #asker: VoteAsker | null;
  readonly #end = new AbortController();
  #client: CoordinatorClient | null = null;
  readonly #stream: AttachedStream;
  /** The session is closed and this run opens no other. */
  #left = false;
  #goodbyeHeard = false;
  // As they are sent: every heartbeat carries what was measured last.
  #capacity = create(ResourcesSchema);
  #usage = create(ResourcesSchema);
  #runtimeReady = false;
  readonly #bornMs: number;
  #sequence = 0n;
  #report = 0n;

  constructor(options: NodeAgentOptions) {
    this.#options = options;
    const { clock, timers, guard, runtime, journal, log } = options;
    const { nodeId, enforcement } = options;
    const { membership } = journal.state;
    this.#lease = new LeaseKeeper({ nodeId, membership, clock, timers, guard, enforcement });
    this.#bornMs = clock.nowMs();
    this.#stream = new AttachedStream(timers);
    const { deadlineMs, softEndMs } = guard;
    this.#desk = new PeerDesk(() => this.#lease.lease, { deadlineMs, softEndMs }, clock);
    const { peers, incarnation } = options;
    peers?.serve((question) => this.#desk.answer(question));
    this.#asker = peers ? new VoteAsker({ incarnation, lease: this.#lease, peers, clock, timers, log }) : null;
    const mayStart = () => this.#lease.mayStart();
    const mayRun = () => this.#lease.mayRun();
    this.#executor = new Executor({ ...options, mayStart, mayRun });
    this.#logs = new LogPusher(runtime, log);
    this.#console = new ConsoleDesk(runtime);
  }

  /** The present connection; null while there is none. */
  get client(): CoordinatorClient | null {
    return this.#client;
  }

  /** Whom this node trusts has changed, or whose its certificate is: the coordinator is told, on the next stream if there is none. */
  tellAuthorities(): void {
    this.#stream.present?.tellAuthorities();
  }

  /** What was asked of peers and what they asked, in this run. */
  get voteCounts(): { readonly asked: AskerCounts | null; readonly answered: { given: number; declined: number } } {
    return { asked: this.#asker?.counts ?? null, answered: this.#desk.counts };
  }

  /** Serves until `stop` or `abandon`; never throws for what the network or the coordinator does. */
  async run(): Promise<void> {
    const { timers, random, log, clock } = this.#options;
    await this.#measure();
    await this.#adopt();
    const background = [this.#keepMeasuring(), this.#keepReporting()];
    for (let attempt = 0; !this.#end.signal.aborted; attempt += 1) {
      const startedMs = clock.nowMs();
      const reason = linkTrouble(await this.#link());
      if (this.#end.signal.aborted) break;
      if (clock.nowMs() - startedMs > GOOD_LINK_MS) attempt = 0;
      const leaseMs = this.#lease.lease.membership?.policy.leaseMs ?? null;
      const waitMs = backOffMs(attempt, random(), dialLimits(leaseMs, this.#lease.mayRun()));
      log.warn({ reason, waitMs }, "connection to the coordinator ended");
      await timers.sleep(waitMs, this.#end.signal);
    }
    await Promise.all(background);
  }

  /**
   * The clean end: every container is stopped by its own policy while the lease is still renewed, the journal closes the
   * session, the coordinator is told goodbye, on the next connection if there is none at that moment. Throws when something
   * could not be stopped; then no goodbye is said.
   * With `leave` false the session stays open: containers are stopped and wait here for the agent's return, or until W.
   */
  async stop(reason: string, leave = true): Promise<void> {
    const { journal, log } = this.#options;
    this.#executor.leave();
    try {
      await this.#executor.stopAll(LEAVE_GRACE_MAX_MS);
      if (!leave) return;
      const { session } = journal.state;
      this.#left = true;
      await journal.append({ kind: "session_closed", session: String(session) });
      this.#desk.goodbye();
      if (await this.#sayGoodbye(session, reason)) log.info({ session, reason }, "session closed");
      else
        log.warn(
          { session, reason },
          "session closed, but no coordinator has heard the goodbye: containers start elsewhere once the lease is surely over",
        );
    } finally {
      this.abandon();
    }
  }

  /** True once a coordinator has heard it; within GOODBYE_MS, whatever happens to connections meanwhile. */
  async #sayGoodbye(session: bigint, reason: string): Promise<boolean> {
    const { clock } = this.#options;
    const untilMs = clock.nowMs() + GOODBYE_MS;
    const leftMs = () => untilMs - clock.nowMs();
    let stream = this.#stream.present;
    for (;;) {
      if (await stream?.goodbye(session, reason, leftMs())) return true;
      stream = await this.#stream.next(leftMs());
      if (stream === null) return this.#goodbyeHeard;
    }
  }

  /** Ends the connection and lets everything that runs go on, under the guard. */
  abandon(): void {
    this.#end.abort();
    this.#lease.close();
    this.#asker?.close();
    this.#logs.closeAll();
    this.#executor.close();
    this.#client?.close();
  }

  /** Takes over what runs; an engine that does not answer yet is asked again, and nothing is said to the coordinator before. */
  async #adopt(): Promise<void> {
    const { timers, random, log } = this.#options;
    for (let attempt = 0; !this.#end.signal.aborted; attempt += 1) {
      try {
        await this.#executor.adopt();
        return;
      } catch (error) {
        const waitMs = backOffMs(attempt, random());
        log.error({ err: error, waitMs }, "what runs on this node could not be looked at, trying again");
        await timers.sleep(waitMs, this.#end.signal);
      }
    }
  }

  /** One connection, from dial to end; answers why it ended. */
  async #link(): Promise<string> {
    const { clock, timers, guard, journal, log } = this.#options;
    const client = this.#options.connect();
    this.#client = client;
    const linkEnd = new AbortController();
    const { signal } = linkEnd;
    const stop = (): void => linkEnd.abort(LINK_OVER);
    if (this.#end.signal.aborted) stop();
    this.#end.signal.addEventListener("abort", stop, { once: true });
    let welcomed = 0n;
    let commands: Promise<void> = Promise.resolve();
    try {
      return await heartbeatSession({
        call: client.heartbeat(),
        hello: this.#hello(),
        lease: this.#lease,
        clock,
        timers,
        nextSequence: () => {
          this.#sequence += 1n;
          return this.#sequence;
        },
        facts: () => ({
          session: journal.state.session,
          usage: this.#usage,
          capacity: this.#capacity,
          guarded: guard.answering,
          runtimeReady: this.#runtimeReady,
          membershipEpoch: BigInt(this.#lease.lease.membership?.epoch ?? 0),
          elapsedMs: BigInt(Math.max(0, Math.round(clock.nowMs() - this.#bornMs))),
        }),
        welcomed: (welcome, membership) => {
          const problem =
            this.#termObjection(welcome.term) ??
            this.#sessionObjection(welcome.session) ??
            this.#leavingObjection(welcome.session);
          if (problem !== null) return problem;
          welcomed = welcome.session;
          log.info({ term: welcome.term, session: welcome.session, profile: membership.policy.profile }, "welcomed");
          commands = this.#serve(client, welcome, membership, signal).catch((error: unknown) =>
            log.error({ err: error }, "the command stream broke"),
          );
          return null;
        },
        regrouped: (membership) =>
          void this.#regroup(membership).catch((error: unknown) =>
            log.error({ err: error, epoch: membership.epoch }, "the voting group's new epoch could not be taken up"),
          ),
        objection: (ack: Ack) =>
          this.#termObjection(ack.term) ??
          (ack.session === welcomed ? null : `the session is ${ack.session} now, was ${welcomed}: asking anew`),
        grants: (ack) => ack.session === journal.state.session && ack.session > journal.state.closedSession,
        signal: this.#end.signal,
      });
    } finally {
      this.#end.signal.removeEventListener("abort", stop);
      stop();
      this.#stream.detach();
      this.#logs.closeAll();
      await commands;
      this.#client = null;
      client.close();
    }
  }

  /** Confirms the session, then keeps the command stream until the connection ends. */
  async #serve(
    client: CoordinatorClient,
    welcome: Welcome,
    membership: MembershipEpoch,
    signal: AbortSignal,
  ): Promise<void> {
    const { journal, timers, random, log, incarnation, clock } = this.#options;
    if (welcome.term > journal.state.term) await journal.append({ kind: "term", term: String(welcome.term) });
    // The heartbeat stream may live on for long: without the command stream beside it nothing would be obeyed meanwhile.
    await this.#until(signal, "the voting group's new epoch could not be taken up", () => this.#regroup(membership));
    await this.#until(signal, "containers of an older session could not be removed", () =>
      this.#confirmSession(welcome.session),
    );
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const startedMs = clock.nowMs();
      const reason = await commandSession({
        call: client.commands(),
        incarnation,
        session: welcome.session,
        objection: (term) => this.#termObjection(term),
        executor: this.#executor,
        nextReport: () => {
          this.#report += 1n;
          return this.#report;
        },
        openLogs: (request) => this.#logs.open(client, request),
        closeLogs: (request) => this.#logs.close(request.logId),
        authorities: () => this.#options.authorities?.report() ?? null,
        renewSoon: (withinMs) => this.#options.authorities?.renewSoon(withinMs),
        consoleInput: (input, answer) => this.#console.take(input, answer),
        consoleResize: (resize, answer) => this.#console.resize(resize, answer),
        attached: (stream) => {
          const awaited = this.#stream.attach(stream);
          log.info({ session: welcome.session }, "attached");
          // The goodbye of an earlier run may have been lost: the session is over here, and is said so until it is heard.
          if (!awaited && welcome.session <= journal.state.closedSession) {
            void stream.goodbye(welcome.session, "closed before", GOODBYE_MS);
          }
        },
        timers,
        log,
        signal,
      });
      this.#stream.detach();
      if (signal.aborted) return;
      // A stream that is taken and ended at once, again and again, must not be dialled without a pause.
      if (clock.nowMs() - startedMs > GOOD_LINK_MS) attempt = 0;
      const waitMs = backOffMs(attempt, random());
      log.warn({ reason, waitMs }, "command stream ended");
      await timers.sleep(waitMs, signal);
    }
  }

  /** Journals the group's new epoch, then takes it up; heartbeats confirm it from then on. */
  async #regroup(membership: MembershipEpoch): Promise<void> {
    const { journal, log } = this.#options;
    if (membership.epoch <= (this.#lease.lease.membership?.epoch ?? 0)) return;
    await journal.append({ kind: "membership", membership });
    await this.#lease.adopt(membership);
    this.#asker?.regrouped();
    log.info({ epoch: membership.epoch, voters: membership.voters.length }, "voting group taken up");
  }

  /** Removes what is of an older session and journals the new one. */
  async #confirmSession(session: bigint): Promise<void> {
    const { journal, log } = this.#options;
    if (session <= journal.state.session) return;
    await this.#executor.removeOlder(session);
    await journal.append({ kind: "session", session: String(session) });
    log.info({ session }, "session confirmed");
  }

  /** Does something until it succeeds or the signal ends it. */
  async #until(signal: AbortSignal, complaint: string, act: () => Promise<void>): Promise<void> {
    const { timers, random, log } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        return await act();
      } catch (error) {
        const waitMs = backOffMs(attempt, random());
        log.error({ err: error, waitMs }, `${complaint}, trying again`);
        await timers.sleep(waitMs, signal);
      }
    }
  }

  #hello() {
    const { incarnation, journal, address, runtime, portPool, guard } = this.#options;
    return create(HelloSchema, {
      incarnation,
      agentVersion: AGENT_VERSION,
      session: journal.state.session,
      address,
      runtime: runtime.kind,
      capacity: this.#capacity,
      architecture: architecture(),
      platform: platform(),
      portPoolMin: portPool.min,
      portPoolMax: portPool.max,
      guarded: guard.answering,
      peerAddress: this.#options.peers?.address ?? "",
      features: [CONSOLE_FEATURE, TERMINAL_FEATURE, ...(this.#options.authorities ? [AUTHORITIES_FEATURE] : [])],
    });
  }

  #termObjection(term: bigint): string | null {
    const seen = this.#options.journal.state.term;
    return term < seen ? `the coordinator speaks for term ${term}, this node has obeyed ${seen}` : null;
  }

  #sessionObjection(session: bigint): string | null {
    const confirmed = this.#options.journal.state.session;
    if (session === 0n) return "the coordinator gave no session";
    return session < confirmed ? `the coordinator gave session ${session}, this node has confirmed ${confirmed}` : null;
  }

  /** An agent that leaves opens no session again. A leader that offers the next one knows that the last is over. */
  #leavingObjection(session: bigint): string | null {
    if (!this.#left || session <= this.#options.journal.state.session) return null;
    this.#goodbyeHeard = true;
    this.#stream.giveUp();
    return `the agent leaves, and takes up no session ${session}`;
  }

  async #measure(): Promise<void> {
    const { capacity, usage } = await this.#options.measure();
    this.#capacity = create(ResourcesSchema, capacity);
    this.#usage = create(ResourcesSchema, usage);
    this.#runtimeReady = await this.#options.runtime.ready();
  }

  async #keepMeasuring(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#options.timers.sleep(MEASURE_MS, this.#end.signal);
      await this.#measure().catch((error: unknown) =>
        this.#options.log.warn({ err: error }, "resources could not be measured"),
      );
    }
  }

  /** Tells of each container again and again: what it uses, and that it does not run where it should. */
  async #keepReporting(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await this.#options.timers.sleep(REVIEW_MS, this.#end.signal);
      if (!this.#stream.present || this.#end.signal.aborted) continue;
      try {
        await this.#executor.review();
      } catch (error) {
        this.#options.log.warn({ err: error }, "containers could not be looked at for their report");
      }
    }
  }
}
