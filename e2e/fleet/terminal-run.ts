import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { until } from "../../lab/src/until.ts";

/** One command on a terminal of its own, which a test reads and types on. Needs util-linux's `script`. */
export class TerminalRun {
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  #shown = "";

  constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
    const line = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    this.#child = spawn("script", ["-qefc", `stty cols 120 rows 30; exec ${line}`, "/dev/null"], {
      env: { ...env, SHELL: "/bin/sh", TERM: "xterm" },
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => (this.#shown += chunk.toString()));
    this.#exit = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", resolve);
    });
  }

  /** All that the terminal was sent so far. */
  get shown(): string {
    return this.#shown;
  }

  /** Waits until the text is there, at most 30 s. */
  async shows(text: string): Promise<void> {
    await until(`the terminal shows ${JSON.stringify(text)}`, 30_000, () => this.#shown.includes(text)).catch(
      (error) => {
        throw new Error(`${error}; it shows:\n${this.#shown}`);
      },
    );
  }

  /** Waits for the question, then types the answer and Return. */
  async answer(question: string, text: string): Promise<void> {
    await this.shows(question);
    this.type(`${text}\r`);
  }

  /** Gives the terminal another size, as somebody does who drags the edge of its window. */
  resize(rows: number, columns: number): void {
    const pid = this.#child.pid ?? 0;
    const [inside = ""] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    execFileSync("stty", ["-F", readlinkSync(`/proc/${inside}/fd/0`), "rows", String(rows), "cols", String(columns)]);
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** The exit code, once it has ended. */
  ended(): Promise<number | null> {
    return this.#exit;
  }
}
