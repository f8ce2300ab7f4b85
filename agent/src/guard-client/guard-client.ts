import type { GuardGrant } from "@lormas/lease/guard-lease.ts";
import type { Logger } from "pino";
import type { Timers } from "../clock/clock.ts";
import type { AgentLaunch } from "../guard/agent-keeper.ts";
import type { GuardAnswer, GuardRequest } from "../guard/guard-message.ts";
import { type GuardedGroup, RuntimeFault } from "../runtime/container-runtime.ts";
import type { GuardConnection, GuardDoor } from "./guard-door.ts";
import type { GuardLink } from "./guard-link.ts";

/** How long the guard may take for one answer; beyond it counts as not answering. */
const ANSWER_MS = 1_000;
const CONNECT_PAUSE_MS = 25;
/** After this many tries to connect, one more guard is started. */
const TRIES_PER_SPAWN = 120;
/** Questions that may be open at once; above it the guard counts as not answering. */
const OPEN_MAX = 10_000;

type Question = GuardRequest extends infer R ? (R extends GuardRequest ? Omit<R, "id"> : never) : never;
type OpenQuestion = { done: (answer: GuardAnswer | null) => void; cancel: () => void };

/** Keeps a guard process running beside the agent and speaks to it. */
export class GuardClient implements GuardLink {
  readonly #door: GuardDoor;
  readonly #timers: Timers;
  #launch: AgentLaunch | null;
  readonly #log: Logger;
  readonly #end = new AbortController();
  readonly #open = new Map<number, OpenQuestion>();
  readonly #groups = new Map<string, GuardedGroup>();
  #connection: GuardConnection | null = null;
  #nextId = 1;
  #deadlineMs: number | null = null;
  #softEndMs: number | null = null;
  #answering = false;

  private constructor(door: GuardDoor, launch: AgentLaunch | null, timers: Timers, log: Logger) {
    this.#door = door;
    this.#launch = launch;
    this.#timers = timers;
    this.#log = log;
  }

  /** Connects to this node's guard, starting one if none lives; resolves when it answers. It is kept alive from then on. */
  static async open(options: {
    readonly door: GuardDoor;
    /** How the guard starts this agent again when it dies; null: it does not. */
    readonly launch: AgentLaunch | null;
    readonly timers: Timers;
    readonly log: Logger;
  }): Promise<GuardClient> {
    const client = new GuardClient(options.door, options.launch, options.timers, options.log);
    await client.#connect();
    return client;
  }

  get answering(): boolean {
    return this.#answering;
  }

  get deadlineMs(): number | null {
    return this.#deadlineMs;
  }

  get softEndMs(): number | null {
    return this.#softEndMs;
  }

  /** What was handed over and not forgotten since, by this agent and those before it. */
  get groups(): readonly GuardedGroup[] {
    return [...this.#groups.values()];
  }

  async renew(grant: GuardGrant): Promise<boolean> {
    const answer = await this.#ask({ type: "renew", grant });
    if (answer?.type !== "ok") return false;
    return grant.fenced ? answer.deadlineMs !== null && answer.deadlineMs >= grant.deadlineMs : true;
  }

  async register(group: GuardedGroup): Promise<void> {
    // Known before it is asked: this process enforces the deadline as well.
    this.#groups.set(group.containerId, group);
    const answer = await this.#ask({ type: "register", group, adopt: false });
    if (answer?.type === "ok") return;
    this.#groups.delete(group.containerId);
    throw refusal("take the container", answer);
  }

  async enter({ gate: { containerId, epoch, session } }: GuardedGroup): Promise<void> {
    const answer = await this.#ask({ type: "enter", containerId, epoch, session });
    if (answer?.type !== "ok") throw refusal("let the container start", answer);
  }

  async forget(containerId: string): Promise<void> {
    if (!this.#groups.delete(containerId)) return;
    await this.#ask({ type: "forget", containerId });
  }

  async leaving(): Promise<void> {
    this.#launch = null;
    await this.#ask({ type: "leaving" });
  }

  async dismiss(): Promise<void> {
    this.#end.abort();
    await this.#ask({ type: "dismiss" });
    this.#connection?.close();
  }

  /** Lets go of the guard, which goes on by itself. */
  close(): void {
    this.#end.abort();
    this.#connection?.close();
  }

  async #connect(): Promise<void> {
    let refused = "";
    for (let attempt = 0; !this.#end.signal.aborted; attempt += 1) {
      const connection = await this.#door.dial();
      if (connection) {
        this.#serve(connection);
        const answer = await this.#ask({ type: "hello", ...(this.#launch && { agent: this.#launch }) });
        if (answer?.type === "ok") {
          for (const group of answer.groups ?? [])
            if (!this.#groups.has(group.containerId)) this.#groups.set(group.containerId, group);
          for (const group of this.#groups.values()) await this.#ask({ type: "register", group, adopt: true });
          // A guard that died meanwhile has heard none of it: the next one is told anew.
          if (this.#connection === connection) {
            this.#answering = true;
            return;
          }
        }
        if (answer?.type === "refused" && answer.reason !== refused) {
          refused = answer.reason;
          this.#log.error({ reason: refused }, "the guard does not serve this agent, asking again");
        }
        connection.close();
      }
      if (attempt % TRIES_PER_SPAWN === 0) this.#spawn();
      await this.#timers.sleep(CONNECT_PAUSE_MS, this.#end.signal);
    }
  }

  #spawn(): void {
    this.#door.spawn((error) => this.#log.error({ err: error }, "the guard could not be started"));
  }

  #serve(connection: GuardConnection): void {
    this.#connection = connection;
    connection.serve(
      (answer) => this.#answered(answer),
      () => {
        if (this.#connection !== connection) return;
        this.#connection = null;
        for (const id of [...this.#open.keys()]) this.#settle(id, null);
        const served = this.#answering;
        this.#answering = false;
        if (!served || this.#end.signal.aborted) return;
        this.#log.error("the guard is gone, starting another");
        this.#connect().catch((error: unknown) => this.#log.error({ err: error }, "no guard could be started"));
      },
    );
  }

  #answered(answer: GuardAnswer): void {
    if (answer.type === "ok") {
      this.#deadlineMs = answer.deadlineMs;
      this.#softEndMs = answer.softEndMs;
    }
    this.#settle(answer.id, answer);
  }

  #settle(id: number, answer: GuardAnswer | null): void {
    const question = this.#open.get(id);
    if (!question) return;
    this.#open.delete(id);
    question.cancel();
    question.done(answer);
  }

  /** Null when there was no answer in time; the connection is then given up, so that a stopped guard is seen as none. */
  #ask(question: Question): Promise<GuardAnswer | null> {
    const connection = this.#connection;
    if (!connection || this.#open.size >= OPEN_MAX) return Promise.resolve(null);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((done) => {
      const cancel = this.#timers.after(ANSWER_MS, () => {
        this.#log.error({ asked: question.type }, `the guard did not answer within ${ANSWER_MS} ms`);
        connection.close();
        this.#settle(id, null);
      });
      this.#open.set(id, { done, cancel });
      connection.send({ ...question, id });
    });
  }
}

function refusal(what: string, answer: GuardAnswer | null): RuntimeFault {
  const reason =
    answer?.type === "refused"
      ? `${answer.reason}; try again when the node is healthy`
      : "it does not answer; another is started by itself, try later";
  return new RuntimeFault("no_lease", `the guard did not ${what}: ${reason}`);
}
