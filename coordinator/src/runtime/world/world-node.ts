import { portKey } from "../../domain/placement/choose-node.ts";
import type { ObservedWorkload } from "../../domain/workload.ts";
import type { AgentCommandResult } from "../agent-intake.ts";
import type { OutboundCommand } from "../agent-link.ts";

/** What an agent says on its command stream; the stream keeps the order. */
export type WorldMessage =
  | { readonly kind: "inventory"; readonly session: number; readonly workloads: ObservedWorkload[] }
  | { readonly kind: "result"; readonly result: AgentCommandResult }
  | { readonly kind: "report"; readonly observed: ObservedWorkload }
  | { readonly kind: "goodbye"; readonly session: number };

export type Copy = { epoch: number; session: number; state: "created" | "running" | "exited"; ports: string[] };

/** Failures of a start after which something may run all the same. */
const LEFT_RUNNING = ["health_timeout", "disk_full"];

/**
 * One host with its agent, in the simulated world of fleet-world.ts: it obeys the rules of docs/fencing.md for sessions,
 * epochs and repeated commands, and keeps its journal when it loses power.
 */
export class WorldNode {
  readonly id: string;
  readonly name: string;
  /** Has power. */
  up = true;
  /** Can talk to the coordinator. */
  reachable = true;
  /** Its command stream is attached. */
  attached = false;
  /** Holds a lease: HA containers may start. False from its hard end on, when everything HA has been killed. */
  leased = false;
  incarnation = "";
  /** Journal. */
  session = 0;
  closedSession = 0;
  readonly epochs = new Map<string, { started: number; closed: number }>();
  readonly results = new Map<string, AgentCommandResult>();
  readonly unacked = new Set<string>();
  /** What is on the host, by container. */
  readonly copies = new Map<string, Copy>();
  /** Commands that have arrived and are not carried out yet. */
  readonly inbox: OutboundCommand[] = [];
  /** What is said and not heard yet. */
  readonly outgoing: WorldMessage[] = [];
  /** Host ports that something else on the host uses. */
  readonly foreignPorts = new Set<string>();

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  running(containerId: string): boolean {
    return this.copies.get(containerId)?.state === "running";
  }

  /** Carries one command out, or refuses it; the result is kept for repetitions. `fault` is what goes wrong with it. */
  obey(command: OutboundCommand, fault: string | null): void {
    const known = this.results.get(command.commandId);
    const result = known ?? this.#first(command, fault);
    if (!known) {
      this.results.set(command.commandId, result);
      this.unacked.add(command.commandId);
    }
    if (this.attached && command.session === this.session) this.outgoing.push({ kind: "result", result });
  }

  #first(command: OutboundCommand, fault: string | null): AgentCommandResult {
    const code = this.#refusal(command) ?? this.#carryOut(command, fault);
    const { commandId } = command;
    return { commandId, ok: code === null, errorCode: code ?? "", errorMessage: code ?? "", status: null, tookMs: 1 };
  }

  #refusal({ containerId, epoch, session, action }: OutboundCommand): string | null {
    if (session !== this.session || session <= this.closedSession) return "stale_session";
    const { started, closed } = this.epochs.get(containerId) ?? { started: 0, closed: 0 };
    if (epoch < started) return "stale_epoch";
    if (["start", "prepare", "install"].includes(action.kind) && epoch <= closed) return "stale_epoch";
    const isFenced = action.kind === "start" || action.kind === "install";
    return isFenced && action.workload.ha && !this.leased ? "no_lease" : null;
  }

  #carryOut({ containerId, epoch, session, action }: OutboundCommand, fault: string | null): string | null {
    const record = this.epochs.get(containerId) ?? { started: 0, closed: 0 };
    if (fault !== null && action.kind !== "start") return fault;
    if (action.kind === "install") return null;
    if (action.kind === "prepare") {
      if (!this.copies.has(containerId)) this.copies.set(containerId, { epoch, session, state: "created", ports: [] });
      return null;
    }
    if (action.kind === "start") {
      this.epochs.set(containerId, { ...record, started: epoch });
      const ports = action.workload.ports.map((port) => portKey(port.protocol, port.hostPort));
      const code = fault ?? (ports.some((port) => this.#portTaken(containerId, port)) ? "port_taken" : null);
      this.copies.set(containerId, {
        epoch,
        session,
        state: code === null || LEFT_RUNNING.includes(code) ? "running" : "exited",
        ports,
      });
      return code;
    }
    this.epochs.set(containerId, { ...record, closed: Math.max(record.closed, epoch) });
    const copy = this.copies.get(containerId);
    if (action.kind === "remove") this.copies.delete(containerId);
    else if (copy) copy.state = "exited";
    return null;
  }

  #portTaken(containerId: string, port: string): boolean {
    if (this.foreignPorts.has(port)) return true;
    for (const [id, copy] of this.copies) {
      if (id !== containerId && copy.state === "running" && copy.ports.includes(port)) return true;
    }
    return false;
  }

  /** A container's process ends by itself. */
  crash(containerId: string): void {
    const copy = this.copies.get(containerId);
    if (copy?.state !== "running") return;
    copy.state = "exited";
    if (this.attached) this.outgoing.push({ kind: "report", observed: this.observed(containerId, copy) });
  }

  /** The stream ends: what was under way is lost, what is in the journal is not. */
  detach(): void {
    this.attached = false;
    this.outgoing.length = 0;
  }

  powerOff(): void {
    this.detach();
    this.up = false;
    this.leased = false;
    this.inbox.length = 0;
    for (const copy of this.copies.values()) if (copy.state === "running") copy.state = "exited";
  }

  /** The lease's hard end has passed: the guard has killed every HA container, and nothing starts before a new lease. */
  fence(isHa: (containerId: string) => boolean): void {
    this.leased = false;
    for (const [id, copy] of this.copies) {
      if (!isHa(id) || copy.state !== "running") continue;
      copy.state = "exited";
      if (this.attached) this.outgoing.push({ kind: "report", observed: this.observed(id, copy) });
    }
  }

  /** Confirms a session: what an older one left is removed. */
  confirm(session: number): void {
    if (session > this.session) {
      this.session = session;
      for (const [id, copy] of [...this.copies]) if (copy.session < session) this.copies.delete(id);
    }
    this.leased = session > this.closedSession;
  }

  /** The stream is attached: inventory first, then every result that was not acknowledged. */
  sayAll(): void {
    this.attached = true;
    const workloads = [...this.copies].map(([id, copy]) => this.observed(id, copy));
    this.outgoing.push({ kind: "inventory", session: this.session, workloads });
    for (const id of this.unacked) {
      const result = this.results.get(id);
      if (result) this.outgoing.push({ kind: "result", result });
    }
    if (this.session <= this.closedSession) this.outgoing.push({ kind: "goodbye", session: this.session });
  }

  /** Closes the session by intent: everything is stopped, and nothing more of it is obeyed. */
  leave(): void {
    this.closedSession = this.session;
    this.leased = false;
    for (const copy of this.copies.values()) if (copy.state === "running") copy.state = "exited";
    this.outgoing.push({ kind: "goodbye", session: this.session });
  }

  observed(containerId: string, { epoch, session, state }: Copy): ObservedWorkload {
    return { containerId, epoch, session, state, exitCode: state === "exited" ? 1 : null, detail: "" };
  }
}
