import type { Timers } from "../clock/clock.ts";

/** How an agent is started again, as it told itself. */
export type AgentLaunch = {
  readonly pid: number;
  readonly startTicks: string;
  /** The program first. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where its output goes from then on. */
  readonly logPath: string;
  /** What the guard has changed for itself, and its child must not inherit. */
  readonly cgroups: readonly string[];
  readonly niceness: number;
  readonly oomScoreAdj: number;
};

type AgentProcess = Pick<AgentLaunch, "pid" | "startTicks">;

/** What the keeper does to the machine. */
export type KeeperHands = {
  lives(agent: AgentProcess): boolean;
  /** Starts it; throws when that is not possible. */
  start(launch: AgentLaunch): AgentProcess;
  log(message: string, facts?: Record<string, unknown>): void;
};

/** How often an agent without a connection is looked at. */
export const LOOK_PAUSE_MS = 200;
export const RESTART_PAUSE_MIN_MS = 100;
export const RESTART_PAUSE_MAX_MS = 30_000;
/** An agent that stayed connected for so long was a good one: its next death is its first. */
export const GOOD_AGENT_MS = 60_000;

/**
 * Starts a dead agent again. It only looks at processes and never asks one: an agent that is stopped or hangs lives, and is
 * left alone. One that ended on purpose, or that another supervisor owns, is not started.
 */
export class AgentKeeper {
  readonly #timers: Timers;
  readonly #hands: KeeperHands;
  #launch: AgentLaunch | null = null;
  #present: AgentProcess | null = null;
  #deaths = 0;
  #cancel: () => void = () => undefined;

  constructor(timers: Timers, hands: KeeperHands) {
    this.#timers = timers;
    this.#hands = hands;
  }

  /** An agent has said hello; null when it is not to be started again. */
  attached(launch: AgentLaunch | null): void {
    this.#cancel();
    this.#launch = launch;
    this.#present = launch;
    this.#cancel = this.#timers.after(GOOD_AGENT_MS, () => {
      this.#deaths = 0;
    });
  }

  /** The agent's connection has ended, for whatever reason. */
  detached(): void {
    this.#look();
  }

  /** The agent ends on purpose, or this guard does. */
  dismiss(): void {
    this.#cancel();
    this.#launch = null;
  }

  #look(): void {
    this.#cancel();
    const launch = this.#launch;
    if (!launch) return;
    if (this.#present && this.#hands.lives(this.#present)) {
      this.#cancel = this.#timers.after(LOOK_PAUSE_MS, () => this.#look());
      return;
    }
    const pauseMs = Math.min(RESTART_PAUSE_MAX_MS, RESTART_PAUSE_MIN_MS * 2 ** Math.min(this.#deaths, 20));
    this.#deaths += 1;
    this.#hands.log("the agent is dead, starting it again", { pid: this.#present?.pid ?? null, pauseMs });
    this.#cancel = this.#timers.after(pauseMs, () => {
      try {
        this.#present = this.#hands.start(launch);
      } catch (error) {
        this.#present = null;
        this.#hands.log("it could not be started", { reason: error instanceof Error ? error.message : String(error) });
      }
      this.#look();
    });
  }
}
