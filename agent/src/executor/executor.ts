import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Command, type CommandResult, CommandResultSchema } from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { type WorkloadSpec, WorkloadState, type WorkloadStatus } from "@lormas/gen/lormas/agent/v1/workload_pb.ts";
import type { Logger } from "pino";
import type { BootClock, Timers } from "../clock/clock.ts";
import type { GuardLink } from "../guard-client/guard-link.ts";
import type { Journal } from "../journal/journal.ts";
import { containerRecord, unackedResults } from "../journal/journal-state.ts";
import type { CommandScope } from "../runtime/command-scope.ts";
import { type ContainerRuntime, type ObservedContainer, RuntimeFault } from "../runtime/container-runtime.ts";
import type { UnplainCase } from "../session/plain-command.ts";
import { type CommandOutcome, failed, gate, SUCCEEDED } from "./command-gate.ts";
import { CommandLog, commandName } from "./command-log.ts";
import { CommandTime } from "./command-time.ts";
import { ContainerSlot, type SeenOfCommand, SLOT_WAITING_MAX } from "./container-slot.ts";
import { CrashRestarts } from "./crash-restarts.ts";
import { healthProbe, healthTimes, noHealthCheck } from "./health-check.ts";
import { watchHealth } from "./health-watch.ts";
import { awaitLease } from "./lease-wait.ts";
import { parallelLimit } from "./parallel-limit.ts";
import { SharedTurns } from "./shared-turns.ts";
import { standingReport } from "./standing-report.ts";
import { specFromJson, stopPolicyOf } from "./stored-spec.ts";
import { UsageMeter } from "./usage-meter.ts";
import { PARALLEL_INSTALLS_MAX, reinstallVolume } from "./volume-install.ts";
import { prepareWorkload } from "./workload-prepare.ts";
import { startWorkload } from "./workload-start.ts";
import type { WorkloadStartParts } from "./workload-start-parts.ts";
import { reportKey, workloadStatus } from "./workload-status.ts";

/** Prepares, creations and starts that run at once. Waiting for health and for a stop's grace does not count. */
export const PARALLEL_STARTS_MAX = 8;
/** Of a stop's time, what is kept for SIGKILL and for looking whether everything has ended. */
const KILL_RESERVE_MS = 1_000;

export type ExecutorOptions = {
  readonly runtime: ContainerRuntime;
  readonly journal: Journal;
  readonly guard: GuardLink;
  /** True before the lease's soft end. */
  readonly mayStart: () => boolean;
  /** True under a lease, or under votes without a gap since: a crashed copy may be started again. */
  readonly mayRun: () => boolean;
  readonly address: string;
  readonly clock: BootClock;
  readonly timers: Timers;
  readonly log: Logger;
  /** Told which command is being carried out, for other log lines; absent: nobody is. */
  readonly commands?: CommandScope;
};

/**
 * Carries out commands: journal first, then the runtime, then the answer. One operation at a time per container, each
 * command id once. Answers and changes are handed to the listener that the command stream sets.
 */
export class Executor {
  /** What this node starts again by itself while no command stream is attached. */
  readonly crashes: CrashRestarts;
  readonly #options: ExecutorOptions;
  readonly #said: CommandLog;
  readonly #slots = new Map<string, ContainerSlot>();
  readonly #limit = parallelLimit(PARALLEL_STARTS_MAX);
  readonly #installLimit = parallelLimit(PARALLEL_INSTALLS_MAX);
  readonly #turns: SharedTurns;
  readonly #usage: UsageMeter;
  readonly #running = new Set<string>();
  #leaving = false;
  #onResult: (result: CommandResult) => void = () => undefined;
  #onStatus: (status: WorkloadStatus) => void = () => undefined;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#said = new CommandLog(options.log, options.commands);
    this.#turns = new SharedTurns(options.timers);
    this.#usage = new UsageMeter(options.runtime);
    // What becomes of a copy later is no part of the command that started it.
    options.runtime.onChange((containerId) => this.#said.scope.outside(() => this.#observeSoon(containerId)));
    this.crashes = new CrashRestarts({
      ...options,
      leaving: () => this.#leaving,
      exclusively: (containerId, operation) => this.#exclusively(containerId, operation),
      restarted: (spec) => this.#watch(spec, "starting"),
    });
  }

  /** Takes up the health watch of what a former agent left running. Call once, before commands come. */
  async adopt(): Promise<void> {
    const { runtime, journal } = this.#options;
    for (const observed of await runtime.list()) {
      const { closedEpoch, started } = containerRecord(journal.state, observed.containerId);
      if (observed.state === "created") {
        // A former agent died while it was starting it. That start may be on its way in the engine: it must not come true when
        // the copy is closed already. And a copy that never comes to life would be waited for without an end.
        await runtime.remove(observed.containerId, false);
        continue;
      }
      if (observed.state !== "running") {
        this.crashes.seen(observed);
        continue;
      }
      if (observed.epoch <= closedEpoch) {
        // Closed in the journal, but the agent ended before the process did: the promise is kept now.
        await runtime.stop(observed.containerId, "SIGKILL", 0);
        continue;
      }
      if (started?.spec && started.epoch === observed.epoch) this.#watch(specFromJson(started.spec), "healthy");
    }
  }

  /** Who hears results and changes; the one before is dropped. Results that were not acknowledged come from `unacked`. */
  listen(onResult: (result: CommandResult) => void, onStatus: (status: WorkloadStatus) => void): void {
    this.#onResult = onResult;
    this.#onStatus = onStatus;
  }

  /** Results that the coordinator has not acknowledged, oldest first. */
  unacked(): CommandResult[] {
    return unackedResults(this.#options.journal.state).map((json) => fromJson(CommandResultSchema, json as JsonValue));
  }

  /** The coordinator has stored this result. */
  async acknowledged(commandId: string): Promise<void> {
    await this.#options.journal.append({ kind: "result_acked", commandId });
  }

  /** Everything on this node, for whoever attaches; what changes from here on is reported. */
  async inventory(): Promise<WorkloadStatus[]> {
    const observed = await this.#options.runtime.list();
    const statuses = await Promise.all(observed.map((one) => this.#status(one.containerId, one)));
    // One that goes away after this is told of, also by an agent that has only found it.
    for (const status of statuses) this.#slot(status.containerId).reported = reportKey(status);
    return statuses;
  }

  /** Measures what every container uses, and tells of each that runs or should run, as `standingReport` says. */
  async review(): Promise<void> {
    await this.#usage.measure();
    const status = (containerId: string, observed: ObservedContainer | null) => this.#status(containerId, observed);
    await standingReport({ ...this.#options, slots: this.#slots, status, tell: (told) => this.#onStatus(told) });
  }

  /** True while an operation on the container runs or waits: its result will tell more than a look now. */
  busy(containerId: string): boolean {
    return this.#slots.get(containerId)?.idle === false;
  }

  /** Takes one command; its result is journalled and then handed to the listener. Never throws. */
  submit(command: Command): void {
    const { journal, clock, timers } = this.#options;
    this.#said.received(command);
    const stored = journal.state.results.get(command.commandId);
    const known = stored !== undefined;
    // A repeated command whose first copy is still at work is answered by that one's result; if its time is up, by that now.
    if (this.#running.has(command.commandId)) {
      if (stored) this.#onResult(fromJson(CommandResultSchema, stored.result as JsonValue));
      return;
    }
    const slot = this.#slot(command.containerId);
    if (slot.full && !known) {
      this.#onResult(
        this.#result(
          command,
          failed("refused", `${SLOT_WAITING_MAX} commands wait for this container: wait for their results`),
          0,
        ),
      );
      return;
    }
    this.#running.add(command.commandId);
    if (!known && this.#gate(command).kind === "run") slot.makeWay(command);
    const lost = (error: unknown) => this.#said.lost(command, error);
    const time = new CommandTime(known ? 0 : command.timeoutMs, clock, timers, () => {
      void this.#answer(command, timedOut(command), command.timeoutMs).catch(lost);
    });
    void slot
      .enqueue(() => this.#said.scope.within(commandName(command), () => this.#carryOut(command, slot, time)))
      .catch(lost)
      .finally(() => {
        time.end();
        this.#running.delete(command.commandId);
        // What changed while the operation ran is looked at now.
        this.#observeSoon(command.containerId);
      });
  }

  /** Removes every container of a session below the given one; volumes stay. Throws when one could not be removed. */
  async removeOlder(session: bigint): Promise<void> {
    const { runtime } = this.#options;
    const old = (await runtime.list()).filter((observed) => observed.session < session);
    for (const { containerId } of old) this.#slot(containerId).cutWait();
    await Promise.all(
      old.map(({ containerId }) =>
        this.#exclusively(containerId, async (slot) => {
          slot.endWatch();
          await runtime.stop(containerId, "SIGKILL", 0);
          await runtime.remove(containerId, false);
          await this.#options.guard.forget(containerId);
          await this.#options.journal.append({ kind: "removed", containerId });
        }),
      ),
    );
  }

  /** From here on every command is refused. */
  leave(): void {
    this.#leaving = true;
    for (const slot of this.#slots.values()) slot.cutWait();
  }

  /**
   * Stops everything by its own stop policy, no grace above `graceMaxMs`. Throws when something could not be stopped.
   */
  async stopAll(graceMaxMs: number): Promise<void> {
    const { runtime, journal } = this.#options;
    // A start that the engine has been told of is waited for: its copy may not be listed yet.
    const appearing = [...this.#slots.values()].filter((slot) => slot.appearing);
    // What was created may be a script at work that outlived its command, or a start on its way.
    const alive = (await runtime.list()).filter((observed) => observed.state !== "exited");
    const ids = new Set([...alive, ...appearing].map(({ containerId }) => containerId));
    const outcomes = await Promise.allSettled(
      [...ids].map((containerId) =>
        this.#exclusively(containerId, async (slot) => {
          slot.endWatch();
          const { signal, graceMs, command } = stopPolicyOf(journal.state, containerId);
          await runtime.stop(containerId, signal, Math.min(graceMs, graceMaxMs), undefined, command);
          await this.#options.guard.forget(containerId);
        }),
      ),
    );
    const broken = outcomes.find((outcome) => outcome.status === "rejected");
    if (broken) throw broken.reason;
  }

  /** Ends every health watch; what runs goes on. */
  close(): void {
    this.crashes.close();
    this.listen(
      () => undefined,
      () => undefined,
    );
    for (const slot of this.#slots.values()) {
      slot.cutWait();
      slot.endWatch();
    }
  }

  #gate(command: Command) {
    const { journal, mayStart } = this.#options;
    return gate(command, { journal: journal.state, mayStart: mayStart(), leaving: this.#leaving });
  }

  async #carryOut(command: Command, slot: ContainerSlot, time: CommandTime): Promise<void> {
    const { clock } = this.#options;
    // Its time was up while it waited in line: it is answered, and nothing of it may take effect any more.
    if (time.isUp) return;
    const startedMs = clock.nowMs();
    await awaitLease(() => this.#gate(command), clock, this.#options.timers);
    const decision = this.#gate(command);
    if (decision.kind === "replay") {
      this.#said.repeated(command);
      this.#onResult(fromJson(CommandResultSchema, decision.result as JsonValue));
      return;
    }
    slot.seen = {};
    let outcome: CommandOutcome;
    if (decision.kind === "refuse") {
      outcome = failed(decision.code, decision.reason);
    } else {
      this.#said.started(command);
      try {
        outcome = await this.#act(command, slot, time);
      } catch (error) {
        outcome =
          error instanceof RuntimeFault ? failed(error.code, error.message) : failed("runtime_error", messageOf(error));
      }
    }
    if (time.isUp) return this.#late(command, slot, outcome);
    time.end();
    const tookMs = clock.nowMs() - startedMs;
    let status: WorkloadStatus | undefined;
    try {
      status = await this.#status(command.containerId);
      // That it was started says nothing of an end that has come since: a report follows.
      const hasEnded = outcome.ok && command.action.case === "start" && status.state !== WorkloadState.RUNNING;
      if (!hasEnded) slot.reported = reportKey(status);
    } catch (error) {
      this.#said.unseen(command, error);
    }
    await this.#answer(command, outcome, tookMs, status ? { ...slot.seen, status } : slot.seen);
  }

  /** What ends after its time: the coordinator counts it as failed, so no copy of it may run on. */
  async #late(command: Command, slot: ContainerSlot, { ok }: CommandOutcome): Promise<void> {
    const { runtime } = this.#options;
    const { containerId, action } = command;
    this.#said.late(command, ok);
    if (action.case !== "start" && action.case !== "install") return;
    const now = await runtime.inspect(containerId);
    if (now?.epoch !== command.epoch || now.session !== command.session) return;
    if (action.case === "start") return this.#stop(command, slot, 0);
    await runtime.stop(containerId, "SIGKILL", 0);
  }

  async #answer(command: Command, outcome: CommandOutcome, tookMs: number, seen: SeenOfCommand = {}): Promise<void> {
    const { journal } = this.#options;
    const result = this.#result(command, outcome, tookMs, seen);
    this.#said.done(command, result);
    await journal.append({ kind: "result", commandId: command.commandId, result: toJson(CommandResultSchema, result) });
    this.#onResult(result);
  }

  async #act(command: Command, slot: ContainerSlot, time: CommandTime): Promise<CommandOutcome> {
    const { action } = command;
    switch (action.case) {
      case "prepare":
        return prepareWorkload(action.value, slot, time, this.#startParts());
      case "start":
        return startWorkload(command, action.value, slot, time, this.#startParts());
      case "stop":
        await this.#stop(command, slot, Math.min(action.value.graceMs, Math.max(0, time.leftMs - KILL_RESERVE_MS)));
        return SUCCEEDED;
      case "remove":
        await this.#stop(command, slot, 0);
        await this.#options.runtime.remove(command.containerId, action.value.removeVolumes);
        await this.#options.journal.append({ kind: "removed", containerId: command.containerId });
        return SUCCEEDED;
      case "install":
        return reinstallVolume(command, action.value, slot, time, this.#startParts());
      default:
        // `plainCommand` has made others of those that have a name of their own.
        action.case satisfies UnplainCase | undefined;
        return failed("unknown_command", "this agent does not know the command: update the agent");
    }
  }

  #startParts(): WorkloadStartParts {
    return {
      ...this.#options,
      leaving: () => this.#leaving,
      turns: this.#turns,
      limit: this.#limit,
      installLimit: this.#installLimit,
      settled: (containerId) => this.crashes.settled(containerId),
      watch: (spec, kind, detail) => this.#watch(spec, kind, detail),
      observe: (slot) => this.#observe(slot),
    };
  }

  /** Closes the epoch on disk first, so that no start of it is obeyed any more, and then ends what runs. */
  async #stop(command: Command, slot: ContainerSlot, graceMs: number): Promise<void> {
    const { runtime, journal, guard } = this.#options;
    const { containerId } = command;
    slot.cutWait();
    await journal.append({ kind: "closed", containerId, epoch: String(command.epoch) });
    slot.endWatch();
    this.crashes.settled(containerId);
    const { signal, command: words } = stopPolicyOf(journal.state, containerId);
    await runtime.stop(containerId, signal, graceMs, slot.openGrace(), words);
    await guard.forget(containerId);
  }

  #watch(spec: WorkloadSpec, kind: "starting" | "healthy" | "unhealthy", detail = ""): void {
    const { runtime, timers, address, log } = this.#options;
    const slot = this.#slot(spec.containerId);
    const probe = healthProbe(spec, address, runtime, timers);
    if (!probe) return;
    const signal = slot.openWatch();
    slot.health = { kind, detail };
    const { intervalMs } = healthTimes(spec.health ?? noHealthCheck());
    const changed = (problem: string | null) => {
      slot.health = problem === null ? { kind: "healthy", detail: "" } : { kind: "unhealthy", detail: problem };
      this.#observeSoon(spec.containerId);
    };
    const watching = () => watchHealth(probe, intervalMs, kind === "healthy", timers, signal, changed);
    void this.#said.scope
      .outside(watching)
      .catch((error: unknown) => log.error({ err: error, containerId: spec.containerId }, "the health watch broke"));
  }

  #observeSoon(containerId: string): void {
    const slot = this.#slot(containerId);
    // While an operation runs, its result tells what has become of the container.
    if (slot.busy) return;
    void this.#observe(slot).catch((error: unknown) =>
      this.#options.log.warn({ err: error, containerId }, "a container could not be looked at"),
    );
  }

  async #observe(slot: ContainerSlot): Promise<void> {
    const { turn } = slot;
    const observed = await this.#options.runtime.inspect(slot.containerId);
    // Another copy may run by now, which must not lose its watch and its guard; it is looked at after that operation.
    if (slot.turn !== turn) return;
    if (observed?.state === "exited") {
      slot.endWatch();
      await this.#options.guard.forget(slot.containerId);
      // A start may be what looks; that the copy is started again is no part of it.
      this.#said.scope.outside(() => this.crashes.seen(observed));
    }
    const status = await this.#status(slot.containerId, observed);
    if (!observed && slot.idle) this.#slots.delete(slot.containerId);
    const key = reportKey(status);
    if (key === slot.reported || (slot.reported === "" && !observed)) return;
    slot.reported = key;
    this.#onStatus(status);
  }

  async #status(containerId: string, seen?: ObservedContainer | null): Promise<WorkloadStatus> {
    const observed = seen === undefined ? await this.#options.runtime.inspect(containerId) : seen;
    const usage = observed ? this.#usage.of(observed) : null;
    return workloadStatus(containerId, observed, this.#slot(containerId).health, usage);
  }

  #result(command: Command, outcome: CommandOutcome, tookMs: number, seen: SeenOfCommand = {}): CommandResult {
    return create(CommandResultSchema, {
      commandId: command.commandId,
      ...outcome,
      tookMs: BigInt(Math.max(0, Math.round(tookMs))),
      ...seen,
    });
  }

  #slot(containerId: string): ContainerSlot {
    let slot = this.#slots.get(containerId);
    if (!slot) {
      slot = new ContainerSlot(containerId);
      this.#slots.set(containerId, slot);
    }
    return slot;
  }

  async #exclusively(containerId: string, operation: (slot: ContainerSlot) => Promise<void>): Promise<void> {
    const slot = this.#slot(containerId);
    await slot.enqueue(() => operation(slot));
  }
}

const timedOut = ({ timeoutMs }: Command): CommandOutcome =>
  failed(
    "timed_out",
    `it was not done within the ${timeoutMs} ms that it had: look at the load of the node, or try again`,
  );

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
