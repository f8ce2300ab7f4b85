import { type ChildProcess, fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CertificateAuthority } from "@lormas/coordinator/agents/pki/certificate-authority.ts";
import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import { ended, until } from "../frame/awaited.ts";
import type { BenchRun } from "../frame/bench-run.ts";
import type { EchoOrder, EchoReady } from "./echo-main.ts";

const PROGRAM = fileURLToPath(new URL("./echo-main.ts", import.meta.url));
const HOST = "127.0.0.1";
const READY_MS = 20_000;

/** The reference of everything that has to do with many agents: a server that answers and thinks nothing. */
export class EchoServer {
  readonly #file: string;
  readonly #order: EchoOrder;
  #child: ChildProcess | null = null;
  #port = 0;

  private constructor(file: string, order: EchoOrder) {
    this.#file = file;
    this.#order = order;
  }

  /** Nothing is started yet; what is ends with the part. It shows a certificate of the fleet's own authority. */
  static async prepare(part: BenchRun, authority: CertificateAuthority, policy: LeasePolicy): Promise<EchoServer> {
    const { chainPem, keyPem } = await authority.issueServer([]);
    const order = { caPem: authority.caPem, chainPem, keyPem, listen: `${HOST}:0`, policy };
    const server = new EchoServer(join(part.folder(), "echo.json"), order);
    part.defer(() => server.end("SIGKILL"));
    return server;
  }

  /** Starts it, at the port of the run before. */
  async start(): Promise<void> {
    writeFileSync(this.#file, JSON.stringify({ ...this.#order, listen: `${HOST}:${this.#port}` }), { mode: 0o600 });
    const child = fork(PROGRAM, [this.#file], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child = child;
    let ready = false;
    child.on("message", ({ port }: EchoReady) => {
      this.#port = port;
      ready = true;
    });
    await until("the echo server listens", READY_MS, () => ready);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child !== null) await ended(this.#child, signal);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get agentsAt(): { readonly host: string; readonly port: number } {
    return { host: HOST, port: this.#port };
  }
}
