import { spawn } from "node:child_process";
import { constants } from "node:os";
import { stillRuns } from "../../cli/src/up/npm-ancestors.mjs";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
const pollMs = 400;
const outputBytesMax = 64 * 1024;
const lifelineFd = 3;

/**
 * The children of the bootstrap, one at a time. Stop signals go on to it; when npm, or a shell between npm and this
 * process, is gone, a step (an installation, a build) is ended. `lormas up` watches them itself, and this process too,
 * by the pipe that runToEnd gives it.
 */
export class OwnedChildren {
  #child = null;
  #isStep = false;
  #stopSignal = null;

  /** @param {{ pid: number, startTime: string }[]} ancestors */
  constructor(ancestors) {
    this.forward = (signal) => {
      this.#stopSignal ??= signal;
      if (this.#isStep) this.#endStep();
      else this.#child?.kill(signal);
    };
    for (const signal of signals) process.on(signal, this.forward);
    this.watch = setInterval(() => {
      if (!this.#isStep || ancestors.every(stillRuns)) return;
      this.#stopSignal ??= "SIGHUP";
      this.#endStep();
    }, pollMs);
    this.watch.unref();
  }

  /**
   * Runs a step with its output kept back (the last 64 KiB of it).
   * @returns {Promise<{ ok: boolean, output: string }>}
   */
  async runStep(command, args, options) {
    if (this.#stopSignal !== null) return { ok: false, output: "" };
    // A group of its own: ending a step ends what it started.
    const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#isStep = true;
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-outputBytesMax);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const code = await ended(child);
    this.#isStep = false;
    this.#child = null;
    return { ok: code === 0 && this.#stopSignal === null, output };
  }

  /**
   * Runs a program on this terminal, with a lifeline: LORMAS_LIFELINE_FD reaches its end when this process is gone.
   * @returns {Promise<number>} its exit code, 128 + n for signal n as shells have it
   */
  async runToEnd(command, args, options) {
    if (this.#stopSignal !== null) return 128 + constants.signals[this.#stopSignal];
    const env = { ...options.env, LORMAS_LIFELINE_FD: String(lifelineFd) };
    const child = spawn(command, args, { ...options, env, stdio: ["inherit", "inherit", "inherit", "pipe"] });
    this.#child = child;
    child.stdio[lifelineFd].on("error", () => undefined); // Its end is the child's, and that is waited for below.
    return await ended(child);
  }

  #endStep() {
    try {
      if (this.#child?.pid !== undefined) process.kill(-this.#child.pid, "SIGTERM");
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
  }

  close() {
    clearInterval(this.watch);
    for (const signal of signals) process.off(signal, this.forward);
  }
}

async function ended(child) {
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
