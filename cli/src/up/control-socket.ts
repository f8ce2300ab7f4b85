import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { CliFailure } from "../cli-failure.ts";
import { exitCode } from "../exit-code.ts";
import { type ControlRequest, type ControlResponse, parseControlRequest } from "./control-message.ts";
import { LineCutter } from "./json-lines.ts";

const connectionsMax = 16;
const idleMs = 60_000;
/** What sockaddr_un holds: 108 bytes on Linux, 104 on macOS and BSD, one of them the terminating zero. */
export const socketPathBytesMax = process.platform === "linux" ? 107 : 103;

/** Answers one request; a CliFailure becomes its error answer. */
export type ControlHandler = (request: ControlRequest) => Promise<ControlResponse & { ok: true }>;

/**
 * The supervisor's control socket: JSON lines, for the owner of the data dir alone (mode 0600 in a 0700 directory). At
 * most 16 connections; more are closed at once, so are those with a line of more than 64 KiB and, after a minute, idle
 * ones.
 */
export class ControlSocket {
  readonly #path: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  constructor(path: string, handle: ControlHandler) {
    this.#path = path;
    this.#server = createServer((socket) => this.#serve(socket, handle));
    this.#server.maxConnections = connectionsMax;
  }

  /** Listens. Call it only while holding the data dir's lock: a socket that is there already is a dead one's. */
  async listen(): Promise<void> {
    if (Buffer.byteLength(this.#path) > socketPathBytesMax) {
      throw new CliFailure(
        exitCode.usage,
        `the path of the control socket, ${this.#path}, is longer than the ${socketPathBytesMax} bytes that sockets allow`,
        "choose a shorter --data-dir",
      );
    }
    rmSync(this.#path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#path, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    chmodSync(this.#path, 0o600);
  }

  #serve(socket: Socket, handle: ControlHandler): void {
    this.#connections.add(socket);
    const lines = new LineCutter();
    let turn: Promise<void> = Promise.resolve();
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("data", (chunk) => {
      try {
        for (const line of lines.push(Buffer.from(chunk))) turn = turn.then(() => answer(socket, line, handle));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        socket.destroy();
      }
    });
  }

  /** Stops listening, closes what is open and removes the socket. */
  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    rmSync(this.#path, { force: true });
  }
}

async function answer(socket: Socket, line: string, handle: ControlHandler): Promise<void> {
  const response = await respond(line, handle);
  if (socket.writable) socket.write(`${JSON.stringify(response)}\n`);
}

async function respond(line: string, handle: ControlHandler): Promise<ControlResponse> {
  let request: ControlRequest;
  try {
    request = parseControlRequest(line);
  } catch (error) {
    return { ok: false, code: exitCode.usage, message: `not a request: ${messageOf(error)}`, nextStep: "" };
  }
  try {
    return await handle(request);
  } catch (error) {
    if (error instanceof CliFailure) {
      return { ok: false, code: error.code, message: error.message, nextStep: error.nextStep };
    }
    return { ok: false, code: exitCode.failed, message: `${request.op} failed: ${messageOf(error)}`, nextStep: "" };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
