import type { Logger } from "pino";
import { configDifference } from "../config/config-difference.ts";
import type { CoordinatorConfig } from "../config/config-keys.ts";
import type { ConfigOutcome } from "../config/coordinator-config.ts";
import type { ConfigProblem } from "../config/setting-sources.ts";

/** Problems that the log names of one attempt. */
export const PROBLEMS_LOGGED_MAX = 20;

const KEPT = "the configuration was not reloaded, nothing has changed: correct it and send SIGHUP again";

export type ConfigReloadPorts = {
  /** What the coordinator was started with. */
  readonly started: CoordinatorConfig;
  /** Reads everything anew, as at the start. */
  readonly read: () => ConfigOutcome;
  /** Takes up what can change while it runs. Rejects before anything has changed. */
  readonly apply: (config: CoordinatorConfig) => Promise<void>;
  readonly log: Pick<Logger, "child">;
};

/**
 * Reads the configuration again when it is asked to: it is taken up as a whole, or not at all, and the log says which, whatever else
 * it leaves out. One attempt at a time; whoever asks meanwhile is followed by one more.
 */
export class ConfigReload {
  readonly #ports: ConfigReloadPorts;
  readonly #log: Logger;
  #running: CoordinatorConfig;
  #attempt: Promise<void> | null = null;
  #again = false;

  constructor(ports: ConfigReloadPorts) {
    this.#ports = ports;
    // A level of its own, which the coordinator's does not change: whoever has sent the signal looks for its outcome.
    this.#log = ports.log.child({}, { level: "info" });
    this.#running = ports.started;
  }

  /** Resolves when what is there now has been taken up or refused; never rejects. */
  async request(): Promise<void> {
    this.#again = true;
    this.#attempt ??= this.#attempts().finally(() => {
      this.#attempt = null;
    });
    await this.#attempt;
  }

  async #attempts(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#reload().catch((error: unknown) => this.#log.error({ err: error }, KEPT));
    }
  }

  async #reload(): Promise<void> {
    const { read, apply } = this.#ports;
    const outcome = read();
    if ("problems" in outcome) return this.#refuse(outcome.problems);
    const { config, sources, warnings } = outcome;
    const { changed, problems } = configDifference(this.#running, config, sources);
    if (problems.length > 0) return this.#refuse(problems);
    // Also where no setting has another value: a file that one names may have.
    await apply(config);
    this.#running = config;
    for (const warning of warnings) this.#log.warn(warning);
    this.#log.info({ changed }, "the configuration was reloaded");
  }

  #refuse(problems: readonly ConfigProblem[]): void {
    for (const { key: setting, source, problem: reason, wanted } of problems.slice(0, PROBLEMS_LOGGED_MAX)) {
      this.#log.error({ setting, source, reason, wanted }, KEPT);
    }
    const more = problems.length - PROBLEMS_LOGGED_MAX;
    if (more > 0) this.#log.error({ more }, "there are more problems: lormas config validate names all");
  }
}
