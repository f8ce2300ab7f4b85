import { DATABASE_HOST } from "../database/database-session.ts";
import type { CoordinatorHost } from "../fleet/coordinator-host.ts";
import type { Operator } from "../fleet/operator.ts";
import { CONTROL_PLANE } from "../fleet/service-watch.ts";
import type { SimulatedFleet } from "../fleet/simulated-fleet.ts";
import type { NodeHost } from "../host/node-host.ts";
import type { Disturbance } from "../network/network.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";
import { CONTROL_PLANE_KINDS, type Fault, type FaultKind, faultText, NODE_KINDS } from "./fault.ts";

/** Wall clocks are stepped by up to so much. */
const WALL_STEP_MAX_MS = 120_000;
const DELAY_MAX_MS = 20_000;
const STRAY_MAX_MS = 10_000;
const DISK_SLOW_MAX_MS = 3_000;
const ENGINE_SLOW_MAX_MS = 15_000;
const DATABASE_SLOW_MAX_MS = 2_500;
const REGISTRY_SLOW_MAX_MS = 40_000;
/** From this severity on everything comes again together, so much later; below it each message by itself. */
const LOOP_SEVERITY = 0.5;
const LOOP_LATE_MAX_MS = 30_000;

/** What is to befall somebody for good comes when it can. */
const TRY_AGAIN_MS = 1_000;

type Undo = () => void;

/** Brings faults over a fleet and takes them back. */
export class FaultHands {
  readonly done = new Map<FaultKind, number>();
  /** Hosts of nodes that have suffered something for good. */
  readonly lost = new Set<string>();
  readonly #fleet: SimulatedFleet;
  readonly #operator: Operator;
  readonly #undo = new Set<Undo>();
  /** Gives up what waits for its moment. */
  readonly #waits = new Set<() => void>();
  #over = false;

  constructor(fleet: SimulatedFleet, operator: Operator) {
    this.#fleet = fleet;
    this.#operator = operator;
  }

  /** Every fault comes at its moment and ends after its time. */
  schedule(faults: readonly Fault[]): void {
    const { time } = this.#fleet;
    for (const fault of faults) {
      time.after(fault.atMs - time.nowMs(), "world", fault.kind, () => this.#bringOrWait(fault));
    }
  }

  /** Ends every fault that still lasts, but for what is for good. */
  healAll(): void {
    this.#fleet.log.note("world", "all faults end");
    this.#over = true;
    for (const giveUp of this.#waits) giveUp();
    this.#waits.clear();
    for (const undo of [...this.#undo]) undo();
  }

  #bringOrWait(fault: Fault): void {
    const { cues } = this.#fleet;
    if (fault.on === undefined) return this.#bring(fault);
    const giveUp = cues.next(fault.on, this.#node(fault).name, () => {
      this.#waits.delete(giveUp);
      this.#bring(fault);
    });
    this.#waits.add(giveUp);
  }

  #bring(fault: Fault): void {
    const { time, log } = this.#fleet;
    if (this.#over) return;
    // Who is gone for good before anybody votes is missed by nobody who could prove it.
    const undo = fault.forGood && !this.#fleet.votes ? null : this.#act(fault);
    if (undo === null) {
      if (fault.forGood) time.after(TRY_AGAIN_MS, "world", fault.kind, () => this.#bring(fault));
      return;
    }
    log.note("world", faultText(fault));
    const troubled = this.#troubled(fault);
    const over = troubled === null ? nothing : this.#fleet.troubles.begin(troubled);
    this.done.set(fault.kind, (this.done.get(fault.kind) ?? 0) + 1);
    const once = (): void => {
      if (!this.#undo.delete(once)) return;
      log.note("world", `${fault.kind} of ${(fault.atMs / 1_000).toFixed(3)} s ends`);
      undo();
      over();
    };
    if (fault.forGood) return void this.lost.add(this.#node(fault).name);
    this.#undo.add(once);
    time.after(fault.lastsMs, "world", `${fault.kind} ends`, once);
  }

  /** What is unwell by it, of what cannot be seen to be. */
  #troubled(fault: Fault): string | null {
    if (CONTROL_PLANE_KINDS.has(fault.kind)) return CONTROL_PLANE;
    return NODE_KINDS.has(fault.kind) ? this.#node(fault).name : null;
  }

  /** Null when it could befall nobody now. */
  #act(fault: Fault): Undo | null {
    const { database } = this.#fleet;
    const { kind, severity } = fault;
    switch (kind) {
      case "crash leader":
      case "crash coordinator":
        return this.#crashCoordinator(fault);
      case "crash coordinators":
        for (const host of this.#fleet.coordinators) host.crash(fault.lastsMs * (0.5 + severity / 2));
        return nothing;
      case "pause leader":
      case "pause coordinator":
        return pause(this.#coordinator(fault)?.present?.process, severity);
      case "cut node":
        return this.#cut(this.#pairs([this.#node(fault).name], this.#others(this.#node(fault).name)), "both");
      case "cut node one way": {
        const { name } = this.#node(fault);
        return this.#cut(this.#pairs([name], this.#others(name)), severity < 0.5 ? "out" : "in");
      }
      case "cut node from coordinator": {
        const ways = ["both", "out", "in"] as const;
        return this.#cut(
          this.#pairs([this.#node(fault).name], [this.#coordinator(fault)?.name ?? ""]),
          ways[Math.floor(severity * 3)] ?? "both",
        );
      }
      case "cut node from coordinators":
        return this.#cut(
          this.#pairs(
            [this.#node(fault).name],
            this.#fleet.coordinators.map(({ name }) => name),
          ),
          "both",
        );
      case "deafen node":
        return this.#deafen(this.#node(fault).name);
      case "cut coordinators":
        return this.#cut(
          this.#pairs(
            this.#fleet.coordinators.map(({ name }) => name),
            this.#fleet.nodes.map(({ name }) => name),
          ),
          "both",
        );
      case "split network": {
        const ones = this.#others("").filter((_, index) => (fault.pick >> index) & 1);
        return this.#cut(
          this.#pairs(
            ones,
            this.#others("").filter((host) => !ones.includes(host)),
          ),
          "both",
        );
      }
      case "island": {
        const leader = this.#fleet.leader();
        if (!leader) return null;
        const island = [leader.name, this.#node(fault).name];
        const mainland = this.#fleet.hosts().filter((host) => !island.includes(host));
        return this.#cut(this.#pairs(island, mainland), "both");
      }
      case "cut coordinator from database":
        return this.#cut(
          this.#pairs([this.#coordinator(fault)?.name ?? ""], [DATABASE_HOST]),
          severity < 0.5 ? "both" : "in",
        );
      case "lossy link":
        return this.#disturb(fault, { loss: 0.02 + severity * 0.4 }, { loss: 0 });
      case "slow link":
        return this.#disturb(fault, { delayMaxMs: 10 + severity ** 2 * DELAY_MAX_MS }, { delayMaxMs: 0 });
      case "reset connections":
        this.#node(fault).resetConnections();
        return nothing;
      case "duplicate heartbeats":
        return this.#disturb(
          fault,
          severity < LOOP_SEVERITY
            ? { duplicates: 0.05 + severity, duplicatesLateMs: null }
            : { duplicates: 1, duplicatesLateMs: Math.min(LOOP_LATE_MAX_MS, severity * fault.lastsMs) },
          { duplicates: 0, duplicatesLateMs: null },
        );
      case "late commands":
        return this.#disturb(fault, { lateCommands: 0.05 + severity * 0.5 }, { lateCommands: 0 });
      case "repeat commands":
        return this.#disturb(fault, { repeats: 0.05 + severity * 0.5 }, { repeats: 0 });
      case "hold up commands":
        return this.#disturb(fault, { strayMaxMs: 5 + severity ** 2 * STRAY_MAX_MS }, { strayMaxMs: 0 });
      case "change policy":
        this.#operator.changePolicy(fault.pick);
        return nothing;
      case "crash agent":
        return this.#disturbAgent(this.#node(fault), (agent) => {
          agent.kill();
          return nothing;
        });
      case "pause agent":
        return this.#disturbAgent(this.#node(fault), (agent) => pause(agent, severity));
      case "crash guard":
        return this.#disturbGuard(this.#node(fault), (guard) => {
          guard.kill();
          return nothing;
        });
      case "pause guard":
        return this.#disturbGuard(this.#node(fault), (guard) => pause(guard, severity));
      case "lose guard record":
        return this.#disturbGuard(this.#node(fault), (guard) => {
          guard.kill();
          this.#node(fault).loseGuardRecord();
          return nothing;
        });
      case "power off": {
        const node = this.#node(fault);
        if (!node.powered) return null;
        node.powerOff();
        return () => node.powerOn();
      }
      case "leave": {
        const node = this.#node(fault);
        if (!node.agent || !this.#agentHolds(node)) return null;
        node.leave(fault.lastsMs);
        return nothing;
      }
      case "stop engine":
        return this.#engine(fault, (engine) => {
          engine.stop();
          return () => engine.continue();
        });
      case "slow engine":
        return this.#engine(fault, (engine) => {
          engine.slowMaxMs = 2 + severity ** 2 * ENGINE_SLOW_MAX_MS;
          return () => {
            engine.slowMaxMs = 0;
          };
        });
      case "restart engine":
        return this.#engine(fault, (engine) => {
          engine.restart();
          return nothing;
        });
      case "slow registry":
        return this.#engine(fault, (engine) => {
          engine.pullMaxMs = 2 + severity ** 2 * REGISTRY_SLOW_MAX_MS;
          return () => {
            engine.pullMaxMs = 0;
          };
        });
      case "crash container": {
        const { containers } = this.#operator.told;
        const containerId = containers[fault.pick % Math.max(1, containers.length)];
        if (containerId === undefined) return null;
        for (const { engine } of this.#fleet.nodes) engine.crash(containerId);
        return nothing;
      }
      case "slow disk": {
        const { disk } = this.#node(fault);
        disk.slowMaxMs = 2 + severity ** 2 * DISK_SLOW_MAX_MS;
        return () => {
          disk.slowMaxMs = 0;
        };
      }
      case "freeze database":
        database.freeze();
        return () => database.thaw();
      case "slow database":
        database.slowMaxMs = 2 + severity * DATABASE_SLOW_MAX_MS;
        return () => {
          database.slowMaxMs = 0;
        };
      case "lose commits":
        database.lostCommits = 0.05 + severity * 0.5;
        return () => {
          database.lostCommits = 0;
        };
      case "lose answers":
        database.unansweredCommits = 0.05 + severity * 0.5;
        return () => {
          database.unansweredCommits = 0;
        };
      case "step wall clock": {
        const hosts = this.#fleet.hosts().flatMap((host) => this.#fleet.clocks.get(host) ?? []);
        hosts[fault.pick % hosts.length]?.setWall((severity - 0.5) * 2 * WALL_STEP_MAX_MS);
        return nothing;
      }
      case "wish":
        this.#operator.wish(fault.wish ?? "create", fault.pick);
        return nothing;
      default:
        return kind satisfies never;
    }
  }

  #crashCoordinator(fault: Fault): Undo | null {
    const host = this.#coordinator(fault);
    if (!host?.present) return null;
    host.crash(fault.lastsMs);
    return nothing;
  }

  #coordinator({ kind, pick }: Fault): CoordinatorHost | undefined {
    const { coordinators } = this.#fleet;
    if (kind.endsWith("leader")) return this.#fleet.leader();
    return coordinators[pick % coordinators.length];
  }

  #node({ pick }: Fault): NodeHost {
    const { nodes } = this.#fleet;
    return nodes[pick % nodes.length] as NodeHost; // A fleet has nodes.
  }

  #others(name: string): string[] {
    return this.#fleet.hosts().filter((host) => host !== name && host !== DATABASE_HOST);
  }

  #pairs(ones: readonly string[], others: readonly string[]): [string, string][] {
    return ones.flatMap((one) => others.map((other): [string, string] => [one, other]));
  }

  #cut(pairs: readonly [string, string][], way: "both" | "out" | "in"): Undo {
    const { network } = this.#fleet;
    const directions = pairs.flatMap(([a, b]): [string, string][] =>
      way === "both"
        ? [
            [a, b],
            [b, a],
          ]
        : way === "out"
          ? [[a, b]]
          : [[b, a]],
    );
    for (const [from, to] of directions) network.cut(from, to);
    return () => {
      for (const [from, to] of directions) network.heal(from, to);
    };
  }

  /** What coordinators say does not arrive, and whoever looks after the connection does not see it: a proxy answers for them. */
  #deafen(name: string): Undo {
    const { network, coordinators } = this.#fleet;
    for (const host of coordinators) network.cut(host.name, name, "unseen");
    return () => {
      for (const host of coordinators) network.heal(host.name, name, "unseen");
    };
  }

  #disturb(fault: Fault, bad: Disturbance, good: Disturbance): Undo {
    const { network } = this.#fleet;
    const { name } = this.#node(fault);
    const pairs = this.#pairs([name], this.#others(name));
    const set = (change: Disturbance): void => {
      for (const [from, to] of pairs) {
        network.disturb(from, to, change);
        network.disturb(to, from, change);
      }
    };
    set(bad);
    return () => set(good);
  }

  // One of agent and guard is always at work, or they end with their host: a machine on which both are kept from working is
  // what a hardware watchdog is for.
  #disturbAgent(node: NodeHost, act: (agent: SimulatedProcess) => Undo | null): Undo | null {
    const { agentProcess } = node;
    return agentProcess?.running && this.#guardHolds(node) ? act(agentProcess) : null;
  }

  #disturbGuard(node: NodeHost, act: (guard: SimulatedProcess) => Undo | null): Undo | null {
    const { guardProcess } = node;
    return guardProcess?.running && this.#agentHolds(node) ? act(guardProcess) : null;
  }

  #guardHolds({ guardProcess }: NodeHost): boolean {
    return guardProcess?.running === true;
  }

  #agentHolds({ agentProcess, agent, guardProcess }: NodeHost): boolean {
    return agentProcess?.running === true && agent?.serves === true && guardProcess?.running === true;
  }

  #engine(fault: Fault, act: (engine: NodeHost["engine"]) => Undo): Undo | null {
    const node = this.#node(fault);
    return node.powered ? act(node.engine) : null;
  }
}

const nothing: Undo = () => undefined;

function pause(process: SimulatedProcess | undefined, severity: number): Undo | null {
  if (!process?.running) return null;
  process.stop(severity < 0.5);
  return () => process.continue();
}
