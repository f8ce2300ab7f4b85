import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type {
  CommandsRequest,
  CommandsResponse,
  HeartbeatRequest,
  HeartbeatResponse,
} from "@lormas/gen/lormas/agent/v1/agent_pb.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";
import { ClientCall } from "./client-call.ts";
import type { LateReplay } from "./late-replay.ts";
import type { Link, Network } from "./network.ts";
import type { Pipe } from "./pipe.ts";
import { ServerCall } from "./server-call.ts";

/** The streams that an agent opens. */
export type CallName = "Heartbeat" | "Commands";

type UpFrame =
  | { readonly call: number; readonly kind: "open"; readonly name: CallName }
  | { readonly call: number; readonly kind: "data"; readonly message: unknown }
  | { readonly call: number; readonly kind: "end" | "cancel" };
type DownFrame =
  | { readonly call: number; readonly kind: "data"; readonly message: unknown }
  | { readonly call: number; readonly kind: "end"; readonly error: Error | null };

/** One end of a connection: the process that has it, and the host it is on. */
export type End = { readonly process: SimulatedProcess; readonly host: string };

/** What a listening process does with new streams. */
export type Accept = {
  readonly heartbeat: (call: ServerCall<HeartbeatRequest, HeartbeatResponse>, connection: Connection) => void;
  readonly commands: (call: ServerCall<CommandsRequest, CommandsResponse>, connection: Connection) => void;
};

/** Who listens on a host now; null: nobody, which the kernel there says at once; "gone": the host itself is without power. */
export type Listening = () => (End & { readonly accept: Accept }) | null | "gone";

export type ConnectionParts = {
  readonly network: Network;
  readonly random: SeededRandom;
  readonly client: End;
  readonly serverHost: string;
  readonly listening: Listening;
  /** Told when the agent says goodbye, before that is on its way. */
  readonly onGoodbye: () => void;
  readonly late: LateReplay;
  /** Looks at a message as it is delivered, for the log of the run. */
  readonly onMessage: (from: string, to: string, message: unknown) => void;
};

/** What may come once more in a command stream. Reports and inventories have no meaning but in their order. */
const REPEATED: ReadonlySet<string> = new Set(["command", "resultAck", "result", "goodbye"]);

/** Between two messages of a stream that is held up, so that rounding does not turn them round. */
const APART_MS = 0.001;

/** gRPC's keepalive: a ping after this much silence, and this long for its answer. */
const KEEPALIVE_MIN_MS = 5_000;
const KEEPALIVE_MAX_MS = 15_000;

/**
 * A TCP connection with gRPC streams on it, from an agent to whoever listens on a coordinator's host. Each side learns of its
 * end by itself: in order after what was sent when the other side closes, by keepalive when the other side is silent.
 */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #upLink: Link;
  readonly #downLink: Link;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #clientCalls = new Map<number, ClientCall<unknown, unknown>>();
  readonly #serverCalls = new Map<number, ServerCall<unknown, unknown>>();
  /** Calls that carry heartbeats. */
  readonly #heartbeats = new Set<number>();
  /** Until when a stream is held up, by way and call, while others pass it. */
  readonly #strayUntilMs = { up: new Map<number, number>(), down: new Map<number, number>() };
  /** Lets go of what the connection waits for at others. */
  readonly #watching: (() => void)[];
  #server: (End & { readonly accept: Accept }) | null = null;
  #calls = 0;
  #clientOpen = true;
  #serverOpen = true;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    const { network, client, serverHost } = parts;
    this.#upLink = network.link(client.host, serverHost);
    this.#downLink = network.link(serverHost, client.host);
    this.#up = network.pipe(client.host, serverHost);
    this.#down = network.pipe(serverHost, client.host);
    this.#watching = [
      client.process.atEnd(() => this.closeClient()),
      client.process.atStop(() => this.expectSilence()),
      network.onCut((from, to) => {
        const ends = [client.host, serverHost];
        if (ends.includes(from) && ends.includes(to)) this.expectSilence();
      }),
    ];
    // A peer that was unreachable before the connection began is silent from its first segment on.
    this.expectSilence();
  }

  /** Opens a stream. */
  call<Request, Response>(name: CallName): ClientCall<Request, Response> {
    this.#calls += 1;
    const call = new ClientCall<Request, Response>(this, this.#calls);
    if (name === "Heartbeat") this.#heartbeats.add(this.#calls);
    this.#clientCalls.set(call.number, call as ClientCall<unknown, unknown>);
    this.sendUp({ call: call.number, kind: "open", name });
    return call;
  }

  forgetCall(number: number): void {
    this.#clientCalls.delete(number);
  }

  sendUp(frame: UpFrame): void {
    if (!this.#clientOpen) return;
    this.#parts.client.process.emit(() => {
      if (isGoodbye(frame)) this.#parts.onGoodbye();
      this.#up.send(`${frame.kind} up`, () => this.#arriveUp(frame));
    });
  }

  sendDown(frame: DownFrame): void {
    if (!this.#serverOpen) return;
    this.#server?.process.emit(() =>
      this.#down.send(`${frame.kind} down`, () => {
        if (frame.kind === "end") this.#server?.process.enter(() => this.#serverCallOver(frame.call));
        this.#inItsTime(frame, "down", () => {
          const take = (): void => this.#parts.client.process.enter(() => this.#takeDown(frame));
          if (isCommand(frame)) this.#commandArrives(take);
          else take();
          this.#again(frame, "down", take);
        });
      }),
    );
  }

  /** The agent's side closes, or its process has ended: what was sent before still arrives. */
  closeClient(): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.#clientCalls.clear();
    this.#up.send("end of connection", () => this.closeServer());
    this.#tidy();
  }

  /** The coordinator's side closes, or its process has ended. */
  closeServer(): void {
    if (!this.#serverOpen) return;
    this.#serverOpen = false;
    this.#down.send("end of connection", () => this.#loseClient("the connection was closed"));
    const calls = [...this.#serverCalls.values()];
    this.#serverCalls.clear();
    this.#server?.process.enter(() => {
      for (const call of calls) call.close();
    });
    this.#tidy();
  }

  /** The agent's host has lost its power: nothing is said to the other side. */
  vanish(): void {
    this.#clientOpen = false;
    this.#clientCalls.clear();
    this.#up.close();
    this.expectSilence();
  }

  /** Both sides are told that the connection is gone; what was on its way is lost. */
  reset(): void {
    this.#up.close();
    this.#down.close();
    this.#loseClient("connection reset by peer");
    this.closeServer();
  }

  /** Something may keep the sides from hearing each other from now on: keepalive looks after its time. */
  expectSilence(): void {
    const { network, random, client } = this.#parts;
    const look = (side: "client" | "server"): void => {
      network.time.after(random.between(KEEPALIVE_MIN_MS, KEEPALIVE_MAX_MS), "network", "keepalive", () => {
        if (!this.#silent(side)) return;
        if (side === "client") this.#loseClient("keepalive: no answer");
        else this.closeServer();
      });
    };
    if (this.#clientOpen && client.process.alive) look("client");
    if (this.#serverOpen) look("server");
  }

  // Both directions are needed for the answer to a ping; a stopped process answers none.
  #silent(side: "client" | "server"): boolean {
    const { client } = this.#parts;
    if (this.#upLink.cuts > this.#upLink.unseenCuts || this.#downLink.cuts > this.#downLink.unseenCuts) return true;
    if (side === "server") return !this.#clientOpen || !client.process.running;
    return this.#server === null ? this.#parts.listening() === "gone" : !this.#server.process.running;
  }

  #arriveUp(frame: UpFrame): void {
    if (this.#server === null) {
      const listening = this.#parts.listening();
      if (listening === "gone") return;
      if (listening === null) return this.#down.send("refused", () => this.#loseClient("connection refused"));
      this.#server = listening;
      this.#watching.push(
        listening.process.atEnd(() => this.closeServer()),
        listening.process.atStop(() => this.expectSilence()),
      );
    }
    if (!this.#serverOpen) return;
    const { process } = this.#server;
    this.#inItsTime(frame, "up", () => {
      process.enter(() => this.#takeUp(frame));
      this.#again(frame, "up", () => process.enter(() => this.#takeUp(frame)));
    });
  }

  // Against what TCP promises, like the duplicates: agents are to bear commands in any order.
  #commandArrives(take: () => void): void {
    const { network } = this.#parts;
    for (const lateMs of network.commandAfterMs(this.#downLink)) {
      if (lateMs === 0) take();
      else network.time.after(lateMs, "network", "late command", take);
    }
  }

  // A command stream whose window is full stands still while heartbeats go on; what is in it stays in order.
  #inItsTime(frame: UpFrame | DownFrame, way: "up" | "down", take: () => void): void {
    const { network } = this.#parts;
    const untilMs = this.#strayUntilMs[way];
    const link = way === "up" ? this.#upLink : this.#downLink;
    const isHeldUp = link.strayMaxMs > 0 || untilMs.size > 0;
    if (!isHeldUp || this.#heartbeats.has(frame.call) || frame.kind === "open" || frame.kind === "cancel")
      return take();
    const nowMs = network.time.nowMs();
    const atMs = Math.max((untilMs.get(frame.call) ?? 0) + APART_MS, nowMs + network.strayMs(link));
    if (atMs <= nowMs) {
      untilMs.delete(frame.call);
      return take();
    }
    untilMs.set(frame.call, atMs);
    network.time.after(atMs - nowMs, "network", `held up ${way}`, take);
  }

  // A message that comes once more, long after it was overtaken.
  #again(frame: UpFrame | DownFrame, way: "up" | "down", deliver: () => void): void {
    if (frame.kind !== "data") return;
    if (!this.#heartbeats.has(frame.call)) return this.#repeat(frame, way);
    // A heartbeat stream carries these two kinds of messages alone.
    const { message } = frame.message as HeartbeatRequest | HeartbeatResponse;
    if (message.case !== "heartbeat" && message.case !== "ack") return;
    const { network } = this.#parts;
    const lateMs = network.duplicateAfterMs(way === "up" ? this.#upLink : this.#downLink);
    if (lateMs !== null) network.time.after(lateMs, "network", `duplicate ${way}`, deliver);
  }

  #repeat(frame: { readonly call: number; readonly message: unknown }, way: "up" | "down"): void {
    const { network, late } = this.#parts;
    late.carries(way, this, frame.call, (message) => {
      const again = { call: frame.call, kind: "data", message } as const;
      if (way === "up") this.#server?.process.enter(() => this.#takeUp(again));
      else this.#parts.client.process.enter(() => this.#takeDown(again));
    });
    const lateMs = network.repeatAfterMs(way === "up" ? this.#upLink : this.#downLink);
    if (lateMs === null) return;
    // A command stream carries these two kinds of messages alone.
    const { message } = frame.message as CommandsRequest | CommandsResponse;
    if (!REPEATED.has(message.case ?? "")) return;
    network.time.after(lateMs, "network", `repeated ${way}`, () => late.deliver(way, frame.message));
  }

  #takeUp(frame: UpFrame): void {
    if (!this.#serverOpen || !this.#server) return;
    const { client, onMessage } = this.#parts;
    if (frame.kind === "open") {
      const { accept } = this.#server;
      if (frame.name === "Heartbeat") {
        const call = new ServerCall<HeartbeatRequest, HeartbeatResponse>(this, frame.call);
        this.#serverCalls.set(frame.call, call as ServerCall<unknown, unknown>);
        accept.heartbeat(call, this);
      } else {
        const call = new ServerCall<CommandsRequest, CommandsResponse>(this, frame.call);
        this.#serverCalls.set(frame.call, call as ServerCall<unknown, unknown>);
        accept.commands(call, this);
      }
      return;
    }
    const call = this.#serverCalls.get(frame.call);
    if (frame.kind === "data") {
      onMessage(client.process.name, this.#server.process.name, frame.message);
      call?.receive({ message: frame.message });
    } else if (frame.kind === "end") call?.receive("end");
    else this.#serverCallOver(frame.call);
  }

  #serverCallOver(number: number): void {
    const call = this.#serverCalls.get(number);
    this.#serverCalls.delete(number);
    call?.close();
  }

  #takeDown(frame: DownFrame): void {
    if (!this.#clientOpen) return;
    const call = this.#clientCalls.get(frame.call);
    if (frame.kind === "data") {
      if (call) this.#parts.onMessage(this.#server?.process.name ?? "", this.#parts.client.process.name, frame.message);
      call?.receive(frame.message);
      return;
    }
    this.#clientCalls.delete(frame.call);
    call?.ended(frame.error);
  }

  #loseClient(reason: string): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    const calls = [...this.#clientCalls.values()];
    this.#clientCalls.clear();
    this.#parts.client.process.enter(() => {
      for (const call of calls) call.ended(new Error(reason));
    });
    this.#up.send("end of connection", () => this.closeServer());
    this.#tidy();
  }

  #tidy(): void {
    if (this.#clientOpen || this.#serverOpen) return;
    for (const stop of this.#watching.splice(0)) stop();
    this.#up.close();
    this.#down.close();
  }
}

function isCommand(frame: DownFrame): boolean {
  return frame.kind === "data" && (frame.message as CommandsResponse).message?.case === "command";
}

function isGoodbye(frame: UpFrame): boolean {
  return frame.kind === "data" && (frame.message as CommandsRequest).message?.case === "goodbye";
}
