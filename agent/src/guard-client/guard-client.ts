import { spawn } from "node:child_process";
import { closeSync, openSync, statSync, truncateSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import type { Timers } from "../clock/clock.ts";
import { type GuardAnswer, type GuardRequest, lineSplitter } from "../guard/guard-message.ts";
import { type GuardSettings, guardSocketPath } from "../guard/guard-settings.ts";
import { type GuardedGroup, RuntimeFault } from "../runtime/container-runtime.ts";
import type { GuardLink } from "./guard-link.ts";

/** How long the guard may take for one answer; beyond it counts as not answering. */
const ANSWER_MS = 1_000;
const CONNECT_PAUSE_MS = 25;
/** After this many tries to connect, one more guard is started. */
const TRIES_PER_SPAWN = 120;
const LOG_BYTES_MAX = 1 << 20;
/** Questions that may be open at once; above it the guard counts as not answering. */
const OPEN_MAX = 10_000;

type Question = GuardRequest extends infer R ? (R extends GuardRequest ? Omit<R, "id"> : never) : never;
type OpenQuestion = { done: (answer: GuardAnswer | null) => void; cancel: () => void };

/** Keeps a guard process running beside the agent and speaks to it. */
export class GuardClient implements GuardLink {
  readonly #settings: GuardSettings;
  readonly #lifelineFd: number | null;
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #end = new AbortController();
  readonly #open = new Map<number, OpenQuestion>();
  readonly #groups = new Map<string, GuardedGroup>();
  #socket: Socket | null = null;
  #nextId = 1;
  #deadlineMs: number | null = null;
  #answering = false;

  private constructor(settings: GuardSettings, lifelineFd: number | null, timers: Timers, log: Logger) {
    this.#settings = settings;
    this.#lifelineFd = lifelineFd;
    this.#timers = timers;
    this.#log = log;
  }

  /** Connects to this node's guard, starting one if none lives; resolves when it answers. It is kept alive from then on. */
  static async open(options: {
    readonly settings: GuardSettings;
    readonly lifelineFd: number | null;
    readonly timers: Timers;
    readonly log: Logger;
  }): Promise<GuardClient> {
    const client = new GuardClient(options.settings, options.lifelineFd, options.timers, options.log);
    await client.#connect();
    return client;
  }

  get answering(): boolean {
    return this.#answering;
  }

  get deadlineMs(): number | null {
    return this.#deadlineMs;
  }

  /** What was handed over and not forgotten since, by this agent and those before it. */
  get groups(): readonly GuardedGroup[] {
    return [...this.#groups.values()];
  }

  async renew(deadlineMs: number, killMs: number): Promise<boolean> {
    const answer = await this.#ask({ type: "renew", deadlineMs, killMs });
    return answer?.type === "ok" && answer.deadlineMs !== null && answer.deadlineMs >= deadlineMs;
  }

  async register(group: GuardedGroup): Promise<void> {
    // Known before it is asked: this process enforces the deadline as well.
    this.#groups.set(group.containerId, group);
    const answer = await this.#ask({ type: "register", group, adopt: false });
    if (answer?.type === "ok") return;
    this.#groups.delete(group.containerId);
    throw new RuntimeFault(
      "no_lease",
      `the guard did not take the container: ${answer?.type === "refused" ? answer.reason : "it does not answer"}; it is started again by itself, try later`,
    );
  }

  async forget(containerId: string): Promise<void> {
    if (!this.#groups.delete(containerId)) return;
    await this.#ask({ type: "forget", containerId });
  }

  async dismiss(): Promise<void> {
    this.#end.abort();
    await this.#ask({ type: "dismiss" });
    this.#socket?.destroy();
  }

  /** Lets go of the guard, which goes on by itself. */
  close(): void {
    this.#end.abort();
    this.#socket?.destroy();
  }

  async #connect(): Promise<void> {
    const path = guardSocketPath(this.#settings);
    for (let attempt = 0; !this.#end.signal.aborted; attempt += 1) {
      const socket = await dial(path);
      if (socket) {
        this.#serve(socket);
        const answer = await this.#ask({ type: "hello" });
        if (answer?.type === "ok") {
          for (const group of answer.groups ?? [])
            if (!this.#groups.has(group.containerId)) this.#groups.set(group.containerId, group);
          for (const group of this.#groups.values()) await this.#ask({ type: "register", group, adopt: true });
          this.#answering = true;
          return;
        }
        socket.destroy();
      }
      if (attempt % TRIES_PER_SPAWN === 0) this.#spawn();
      await this.#timers.sleep(CONNECT_PAUSE_MS, this.#end.signal);
    }
  }

  #serve(socket: Socket): void {
    const split = lineSplitter();
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("error", () => socket.destroy());
    socket.on("data", (text: string) => {
      const lines = split(text);
      if (!lines) socket.destroy();
      for (const line of lines ?? []) this.#answered(JSON.parse(line) as GuardAnswer);
    });
    socket.on("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      for (const id of [...this.#open.keys()]) this.#settle(id, null);
      const served = this.#answering;
      this.#answering = false;
      if (!served || this.#end.signal.aborted) return;
      this.#log.error("the guard is gone, starting another");
      this.#connect().catch((error: unknown) => this.#log.error({ err: error }, "no guard could be started"));
    });
  }

  #answered(answer: GuardAnswer): void {
    if (answer.type === "ok") this.#deadlineMs = answer.deadlineMs;
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
    const socket = this.#socket;
    if (!socket || this.#open.size >= OPEN_MAX) return Promise.resolve(null);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((done) => {
      const cancel = this.#timers.after(ANSWER_MS, () => {
        this.#log.error({ asked: question.type }, `the guard did not answer within ${ANSWER_MS} ms`);
        socket.destroy();
        this.#settle(id, null);
      });
      this.#open.set(id, { done, cancel });
      socket.write(`${JSON.stringify({ ...question, id })}\n`);
    });
  }

  #spawn(): void {
    const { logPath } = this.#settings;
    try {
      if (statSync(logPath).size > LOG_BYTES_MAX) truncateSync(logPath, 0);
    } catch {
      // Not there yet.
    }
    const out = openSync(logPath, "a", 0o600);
    const { LORMAS_JOIN_TOKEN: _token, LORMAS_LIFELINE_FD: _fd, ...env } = process.env;
    try {
      const main = fileURLToPath(new URL("../guard/main.ts", import.meta.url));
      const child = spawn(process.execPath, ["--max-old-space-size=64", main, JSON.stringify(this.#settings)], {
        detached: true,
        cwd: "/",
        env: this.#lifelineFd === null ? env : { ...env, LORMAS_LIFELINE_FD: "3" },
        stdio: ["ignore", out, out, ...(this.#lifelineFd === null ? [] : [this.#lifelineFd])],
      });
      child.on("error", (error) => this.#log.error({ err: error }, "the guard could not be started"));
      child.unref();
    } finally {
      closeSync(out);
    }
  }
}

function dial(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}
