import { type ChildProcess, fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ended, until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import type { HerdMember, HerdOrder, HerdQuestion, HerdReport, HerdStatus } from "./herd-message.ts";
import type { EnrolledAgent } from "./seeded-fleet.ts";

const PROGRAM = fileURLToPath(new URL("./herd-main.ts", import.meta.url));
/** A process may hold 20,000 files open, and one event loop must not be late with its heartbeats. */
const AGENTS_PER_PROCESS = 2_500;
/** A coordinator bounds the connections of one address to 1,024; after a loss an agent may have a second one for a moment. */
const AGENTS_PER_ADDRESS = 250;
const REPORT_MS = 10_000;

type Herder = { readonly child: ChildProcess; status: HerdStatus | null; report: HerdReport | null };

export type HerdTarget = { readonly host: string; readonly port: number; readonly caPem: string };

/** Simulated agents in processes of their own, so that what they cost is not counted as what they measure. */
export class AgentHerd {
  readonly size: number;
  readonly #herders: readonly Herder[];

  private constructor(size: number, herders: readonly Herder[]) {
    this.size = size;
    this.#herders = herders;
  }

  /** Starts the agents, which dial at once. They end with the part. */
  static start(part: BenchRun, target: HerdTarget, agents: readonly EnrolledAgent[], intervalMs: number): AgentHerd {
    const folder = part.folder();
    const members = agents.map((agent, index) => ({ ...agent, localAddress: addressOf(index) }));
    const herders: Herder[] = [];
    for (let from = 0; from < members.length; from += AGENTS_PER_PROCESS) {
      const order: HerdOrder = { ...target, intervalMs, agents: members.slice(from, from + AGENTS_PER_PROCESS) };
      herders.push(begin(part, join(folder, `herd-${from}.json`), order));
    }
    return new AgentHerd(agents.length, herders);
  }

  /** Agents whose present connection has had an acknowledgement, as the processes said last. */
  get served(): number {
    return this.#herders.reduce((sum, { status }) => sum + (status?.served ?? 0), 0);
  }

  /** Connections that were lost since the start. */
  get lost(): number {
    return this.#herders.reduce((sum, { status }) => sum + (status?.lost ?? 0), 0);
  }

  /** When the last agent of those served got its first acknowledgement, on the machine's monotonic clock. */
  get lastServedMs(): number {
    return Math.max(...this.#herders.map(({ status }) => status?.lastServedMs ?? 0));
  }

  /** Waits until every agent is served. */
  async gathered(boundMs: number): Promise<void> {
    try {
      await until("every agent is served", boundMs, () => this.served === this.size, 20);
    } catch (error) {
      const losses = new Set(this.#herders.map(({ status }) => status?.lastLoss ?? "no word of the herd's process"));
      throw new Error(
        `${this.served} of ${this.size} agents were served within ${boundMs} ms; ${[...losses].join("; ")}`,
        {
          cause: error,
        },
      );
    }
  }

  /** Begins to count anew. */
  mark(): void {
    this.#ask({ type: "mark" });
  }

  /** What was counted since the mark, of all processes together. */
  async report(): Promise<HerdReport> {
    for (const herder of this.#herders) herder.report = null;
    this.#ask({ type: "report" });
    const reports = await until("the herd reports", REPORT_MS, () => {
      const all = this.#herders.flatMap(({ report }) => (report === null ? [] : [report]));
      return all.length === this.#herders.length && all;
    });
    const sum = (of: (report: HerdReport) => number) => reports.reduce((total, report) => total + of(report), 0);
    return {
      type: "report",
      sent: sum(({ sent }) => sent),
      acknowledged: sum(({ acknowledged }) => acknowledged),
      lost: sum(({ lost }) => lost),
      tookMs: reports.flatMap(({ tookMs }) => tookMs),
    };
  }

  #ask(question: HerdQuestion): void {
    for (const { child } of this.#herders) child.send(question);
  }
}

function begin(part: BenchRun, file: string, order: HerdOrder): Herder {
  writeFileSync(file, JSON.stringify(order), { mode: 0o600 });
  const child = fork(PROGRAM, [file], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  part.defer(() => ended(child, "SIGKILL"));
  const herder: Herder = { child, status: null, report: null };
  child.on("message", (message: HerdStatus | HerdReport) => {
    if (message.type === "status") herder.status = message;
    else herder.report = message;
  });
  return herder;
}

function addressOf(index: number): HerdMember["localAddress"] {
  return `127.77.0.${1 + Math.floor(index / AGENTS_PER_ADDRESS)}`;
}
