import { connect } from "node:net";
import { CliFailure } from "../cli-failure.ts";
import type { Clock } from "../clock.ts";
import { type ExitCode, exitCode } from "../exit-code.ts";
import type { ControlRequest, ControlStatus } from "./control-message.ts";
import type { DataDir } from "./data-dir.ts";
import { LineCutter } from "./json-lines.ts";

const answerMs = 20_000;

/** Speaks to the supervisor of a data dir. Each call is a connection of its own and answers within 20 s or fails. */
export class ControlClient {
  readonly #dataDir: DataDir;
  readonly #clock: Clock;

  constructor(dataDir: DataDir, clock: Clock) {
    this.#dataDir = dataDir;
    this.#clock = clock;
  }

  /** What runs. */
  async status(): Promise<ControlStatus> {
    const result = await this.#ask({ op: "status" });
    if (!isStatus(result)) throw malformed();
    return result;
  }

  /** Kills a node the hard way; gives the number of processes killed. */
  async kill(node: string): Promise<number> {
    const result = await this.#ask({ op: "kill", node });
    if (typeof result !== "object" || result === null || !("killed" in result)) throw malformed();
    return Number(result.killed);
  }

  /** Starts the agent of a killed node again. */
  async revive(node: string): Promise<void> {
    await this.#ask({ op: "revive", node });
  }

  async #ask(request: ControlRequest): Promise<unknown> {
    const line = await this.#exchange(JSON.stringify(request));
    const answer: unknown = JSON.parse(line);
    if (typeof answer !== "object" || answer === null || !("ok" in answer)) throw malformed();
    if (answer.ok === true && "result" in answer) return answer.result;
    if ("message" in answer && "nextStep" in answer && "code" in answer) {
      throw new CliFailure(asExitCode(answer.code), String(answer.message), String(answer.nextStep));
    }
    throw malformed();
  }

  async #exchange(line: string): Promise<string> {
    return await new Promise<string>((resolve, reject) => {
      const lines = new LineCutter();
      const socket = connect(this.#dataDir.socket);
      const cancel = this.#clock.after(answerMs, () => {
        socket.destroy();
        reject(
          new CliFailure(exitCode.timedOut, "the local fleet's supervisor did not answer within 20 s", "try again"),
        );
      });
      socket.on("connect", () => socket.write(`${line}\n`));
      socket.on("data", (chunk) => {
        const [answer] = lines.push(Buffer.from(chunk));
        if (answer === undefined) return;
        resolve(answer);
        socket.destroy();
      });
      socket.on("error", (error) => reject(this.#notRunning(error)));
      socket.on("close", () => {
        cancel();
        reject(this.#notRunning(undefined)); // Without effect once there was an answer.
      });
    });
  }

  #notRunning(cause: unknown): CliFailure {
    return new CliFailure(
      exitCode.unavailable,
      `no local fleet is running on the data dir ${this.#dataDir.path}`,
      "start one in another shell: npm start",
      cause,
    );
  }
}

function isStatus(value: unknown): value is ControlStatus {
  return typeof value === "object" && value !== null && "children" in value && Array.isArray(value.children);
}

function asExitCode(value: unknown): ExitCode {
  return Object.values(exitCode).find((code) => code === value) ?? exitCode.failed;
}

function malformed(): CliFailure {
  return new CliFailure(
    exitCode.failed,
    "the local fleet's supervisor gave an answer that this lormas does not understand",
    "it may be of another version: start it again",
  );
}
