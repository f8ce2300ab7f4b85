import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { everyCgroupFolder, removeCgroup } from "@lormas/agent/process/cgroup-layout.ts";
import type { RandomSource } from "@lormas/coordinator/agents/random-source.ts";
import {
  type Command,
  type CommandResult,
  CommandSchema,
  type CommandsResponse,
  CommandsResponseSchema,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import { AgentPlane } from "./agent-plane.ts";
import { AgentUnderTest } from "./agent-under-test.ts";
import { BrokenPromise } from "./check.ts";
import { soundConduct } from "./conduct.ts";
import { EnrolmentDesk } from "./enrolment-desk.ts";
import type { HeardKind, HeardOf } from "./heard.ts";
import type { SuiteClock } from "./suite-clock.ts";
import { Workload } from "./workload.ts";

/** What the agent is waited for, unless a check says otherwise. */
export const ANSWER_MS = 8_000;
/** How long an agent may rest before it dials again: a pause that has grown to its bound is one, too. */
export const PAUSE_MAX_MS = 10_000;
/** An agent whose connections were broken may take this long until its inventory. */
export const BACK_MS = PAUSE_MAX_MS + ANSWER_MS;
/** An agent may take this long from its start to its inventory. */
export const STARTED_MS = 40_000;
const LOOK_EVERY_MS = 20;
const LAST_WORDS_MS = 500;

type Action = MessageInitShape<typeof CommandSchema>["action"];
export type CommandInit = { commandId?: string; epoch?: bigint; session?: bigint; term?: bigint; timeoutMs?: number };

/** A coordinator, an agent under test and a folder: what a check plays on. */
export class Stage {
  readonly clock: SuiteClock;
  readonly plane: AgentPlane;
  readonly desk: EnrolmentDesk;
  agent: AgentUnderTest;
  readonly #random: RandomSource;
  readonly #folder: string;
  readonly #command: string;
  readonly #mark: string;
  #agents = 0;
  #serving = false;
  /** Until when the present check may wait. */
  #endMs = Number.POSITIVE_INFINITY;

  private constructor(
    parts: { command: string; folder: string; clock: SuiteClock; random: RandomSource },
    desk: EnrolmentDesk,
    plane: AgentPlane,
  ) {
    this.clock = parts.clock;
    this.desk = desk;
    this.plane = plane;
    this.#random = parts.random;
    this.#folder = parts.folder;
    this.#command = parts.command;
    this.#mark = `conformance-${parts.folder.slice(-6)}`;
    this.agent = this.#newAgent();
  }

  static async open(command: string, clock: SuiteClock, random: RandomSource): Promise<Stage> {
    // Short, because a guard's socket lives in it.
    const folder = mkdtempSync(join(tmpdir(), "lc-"));
    const desk = await EnrolmentDesk.open(join(folder, "fleet"), random);
    const foreigners = await EnrolmentDesk.open(join(folder, "another-fleet"), random);
    const plane = new AgentPlane(desk, foreigners, clock);
    await plane.listen();
    return new Stage({ command, folder, clock, random }, desk, plane);
  }

  /** Ends everything and removes every file. */
  async close(): Promise<void> {
    this.limit(ANSWER_MS);
    await this.#end();
    await this.plane.close();
    rmSync(this.#folder, { recursive: true, force: true });
    removeCgroup(everyCgroupFolder(`/${this.#mark}`));
  }

  /** From here on no wait goes on for longer than this in all. */
  limit(limitMs: number): void {
    this.#endMs = this.clock.bootMs() + limitMs;
  }

  /** The scene of a check: a sound coordinator, and an agent that was never started. */
  async unenrolled(): Promise<void> {
    await this.#end();
    this.#serving = false;
    this.agent = this.#newAgent();
  }

  /** The scene of a check: a sound coordinator, and an agent that serves it: the one of the check before, where that left it so. */
  async serving(): Promise<void> {
    if (this.#serving && this.agent.exit === undefined) return;
    await this.unenrolled();
    await this.enrolled();
    this.#serving = true;
  }

  /** From here on no check trusts in what the agent has become. */
  spoil(): void {
    this.#serving = false;
  }

  /** Starts an agent with a token, and waits for its inventory. */
  async enrolled(): Promise<void> {
    const place = this.plane.heard.length;
    this.agent.start(await this.desk.joinToken());
    await this.heardAfter(place, "inventory", STARTED_MS);
  }

  uuid(): string {
    return this.#random.uuid();
  }

  workload(options?: ConstructorParameters<typeof Workload>[3]): Workload {
    return new Workload(this.uuid(), this.#folder, this.#mark, options);
  }

  /** Looks until something is there. Rejects with `what` when it is not within `withinMs`. */
  async until<T>(what: string, look: () => T, withinMs = ANSWER_MS): Promise<NonNullable<Exclude<T, false>>> {
    const end = Math.min(this.#endMs, this.clock.bootMs() + withinMs);
    for (;;) {
      const seen = look();
      if (seen) return seen as NonNullable<Exclude<T, false>>;
      if (this.clock.bootMs() > end) throw new BrokenPromise(`${what}: not within ${withinMs} ms${this.#endOfAgent()}`);
      await this.clock.sleep(LOOK_EVERY_MS);
    }
  }

  /** Sees that something stays so for a while; rejects as soon as it is not. */
  async stays(what: string, look: () => boolean, forMs: number): Promise<void> {
    const end = this.clock.bootMs() + forMs;
    if (end > this.#endMs) throw new BrokenPromise("the check's time is over");
    while (this.clock.bootMs() < end) {
      if (!look()) throw new BrokenPromise(what);
      await this.clock.sleep(LOOK_EVERY_MS);
    }
  }

  /** The first of a kind that comes after a place of the record. An agent that has ended is not waited for. */
  heardAfter<Kind extends HeardKind>(place: number, kind: Kind, withinMs?: number): Promise<HeardOf<Kind>> {
    const { heard } = this.plane;
    let endedMs = Number.POSITIVE_INFINITY;
    const look = (): HeardOf<Kind> | undefined => {
      const [found] = heard.since(place, kind);
      // What it sent last may still be on its way.
      if (this.agent.exit !== undefined) endedMs = Math.min(endedMs, this.clock.bootMs() + LAST_WORDS_MS);
      if (!found && this.clock.bootMs() > endedMs) throw new BrokenPromise(`no ${kind} came${this.#endOfAgent()}`);
      return found;
    };
    return this.until(WAITED_FOR[kind], look, withinMs) as Promise<HeardOf<Kind>>;
  }

  /** Breaks all connections and waits until the agent is attached again; answers the place before it came. */
  async reconnected(): Promise<number> {
    const place = this.plane.heard.length;
    this.plane.cut();
    await this.heardAfter(place, "inventory", BACK_MS);
    return place;
  }

  /** A command of the present term and session, of epoch 1, with 10 s of time, unless told otherwise. */
  command(containerId: string, action: Action, init: CommandInit = {}): Command {
    return create(CommandSchema, {
      commandId: init.commandId ?? this.uuid(),
      term: init.term ?? this.plane.conduct.term,
      session: init.session ?? this.plane.conduct.session,
      containerId,
      epoch: init.epoch ?? 1n,
      timeoutMs: init.timeoutMs ?? 10_000,
      ...(action ? { action } : {}),
    });
  }

  send(message: CommandsResponse["message"]): void {
    if (!this.plane.send(create(CommandsResponseSchema, { message }))) {
      throw new BrokenPromise(`no command stream is attached${this.#endOfAgent()}`);
    }
  }

  /** Sends a command and waits for its result, which is not acknowledged. */
  async resultOf(command: Command, withinMs?: number): Promise<CommandResult> {
    const place = this.plane.heard.length;
    this.send({ case: "command", value: command });
    return this.until(
      `the result of a ${command.action.case ?? "command of an unknown kind"}`,
      () => this.results(command.commandId, place)[0],
      withinMs,
    );
  }

  /** The results of a command that came after a place of the record. */
  results(commandId: string, place: number): CommandResult[] {
    return this.plane.heard
      .since(place, "result")
      .map(({ value }) => value)
      .filter((result) => result.commandId === commandId);
  }

  acknowledge(commandId: string): void {
    this.send({ case: "resultAck", value: { $typeName: "lormas.agent.v1.ResultAck", commandId } });
  }

  /** Sends a command, acknowledges its result and answers it. */
  async settled(command: Command, withinMs?: number): Promise<CommandResult> {
    const result = await this.resultOf(command, withinMs);
    this.acknowledge(command.commandId);
    return result;
  }

  start(workload: Workload, init?: CommandInit): Command {
    return this.command(workload.id, { case: "start", value: { spec: workload.spec } }, init);
  }

  stop(workload: Workload, init?: CommandInit & { graceMs?: number }): Command {
    return this.command(workload.id, { case: "stop", value: { graceMs: init?.graceMs ?? 1_000 } }, init);
  }

  /** Starts a workload and sees that it runs. */
  async running(workload: Workload, init?: CommandInit): Promise<number> {
    const result = await this.settled(this.start(workload, init), 15_000);
    if (!result.ok) throw new BrokenPromise(`a start was answered ${result.errorCode}: ${result.errorMessage}`);
    return this.until("a process of the started container", () => workload.alive()[0]);
  }

  /** Waits for the agent's end. */
  async ended(withinMs: number): Promise<{ readonly code: number | null }> {
    return this.until("the end of the agent's process", () => this.agent.exit, withinMs);
  }

  #endOfAgent(): string {
    const { exit, lastWords } = this.agent;
    if (exit === undefined) return "";
    return `; the agent has ended (${exit.signal ?? `exit code ${exit.code}`}), its last words: ${lastWords}`;
  }

  #newAgent(): AgentUnderTest {
    this.#agents += 1;
    const dataDir = join(this.#folder, `agent-${this.#agents}`);
    mkdirSync(dataDir, { mode: 0o700 });
    return new AgentUnderTest({
      command: this.#command,
      dataDir,
      coordinator: this.plane.address,
      nodeName: `node-${this.#agents}`,
      mark: this.#mark,
    });
  }

  async #end(): Promise<void> {
    await this.until("the end of everything that the agent has started", () => this.agent.killAll() === 0);
    this.plane.cut();
    this.plane.behave(soundConduct());
  }
}

const WAITED_FOR: Record<HeardKind, string> = {
  dial: "a TCP connection",
  connection: "a TLS connection",
  enrol: "a call of Enrol",
  renewal: "a call of RenewCertificate",
  hello: "a Hello",
  beat: "a heartbeat",
  attach: "an Attach",
  result: "a result",
  inventory: "an inventory",
  report: "a report",
  goodbye: "a goodbye",
  console: "the answer to an input",
  logs: "a message of PushLogs",
  logs_end: "the end of PushLogs",
  closed: "the end of a stream",
};
