import { lifeState } from "../../domain/container/container-status.ts";
import { Refusal } from "../../domain/refusal.ts";
import { migrationId } from "../deterministic-id.ts";
import { haContainer } from "../fleet-rig.ts";
import { FleetWorld, migrationStep, seeded } from "./fleet-world.ts";

const FAULTS = ["start_failed", "health_timeout", "image_unavailable", "disk_full", "runtime_error", "timed_out"];
/** Steps of the quiet end; a fleet that is not at rest by then never will be. */
const QUIET_STEPS_MAX = 20_000;

/** What was seen happening, over all stories: a set of stories that misses something counts as not run. */
export type Seen = Map<string, number>;

/** One random history of a small fleet, from its seed: a time of faults and wishes, then quiet. */
export class WorldStory {
  readonly world = new FleetWorld();
  readonly #random: (below: number) => number;
  readonly #seen: Seen;
  readonly #told: string[] = [];
  #faults = true;
  #made = 0;
  /** How often things go wrong in this story. */
  #trouble = 1;

  constructor(seed: number, seen: Seen) {
    this.#random = seeded(seed);
    this.#seen = seen;
  }

  /** The last steps, for a report. */
  told(): string {
    return this.#told.slice(-60).join("\n");
  }

  async begin(): Promise<void> {
    const { world } = this;
    this.#trouble = 1 + this.#random(4);
    const clusters = this.#chance(30) ? 2 : 1;
    for (let n = 1; n <= clusters; n++) {
      const limits = this.#chance(50) ? { migrationsAtOnce: 1, migrationsPerTarget: 1, failoversPerTarget: 1 } : {};
      const policy = { autoMigrate: !this.#chance(10), allowOtherClusters: !this.#chance(20) };
      world.addCluster(`cluster-${n}`, { ...policy, limits });
    }
    const nodes = 2 + this.#random(3);
    for (let n = 0; n < nodes; n++) await world.addNode(`cluster-${1 + (n % clusters)}`, 1_000 + this.#random(3) * 500);
    for (const node of world.nodes.values()) {
      if (this.#chance(20)) node.foreignPorts.add("tcp/20000");
    }
    const containers = 1 + this.#random(3);
    for (let n = 0; n < containers; n++) await this.#create();
    world.commitFate = () => {
      if (!this.#faults || !this.#chance(2)) return "stored";
      return this.#chance(50) ? "lost" : "unconfirmed";
    };
  }

  async step(): Promise<void> {
    this.world.nowMs += 1 + this.#random(400);
    const [name, run] = this.#pick();
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#tell(`  refused: ${error.code}`);
    }
    this.world.check();
    this.#note(`step ${name}`);
    for (const { snapshot } of this.world.containers()) {
      this.#note(`life ${lifeState(snapshot)}`);
    }
  }

  #pick(): [string, () => void | Promise<void>] {
    const trouble = this.#trouble;
    const moving = this.world.containers().some(({ snapshot }) => snapshot.context.move !== null);
    const ways: [number, string, () => void | Promise<void>][] = [
      [60, "obey", () => this.#obey()],
      [60, "hear", () => this.#hear()],
      [20, "calm", () => this.#calm()],
      [20, "attach", () => this.#attach()],
      [10, "wish", () => this.#wish()],
      [16, "migrate", () => this.#migrate()],
      [moving ? 4 : 0, "cancel", () => this.#cancel()],
      [8, "deadline", () => this.#deadline()],
      [4, "report", () => this.#report()],
      [trouble * 3, "crash", () => this.#crash()],
      [trouble * 2, "detach", () => this.#detach()],
      [trouble * 3, "silence", () => this.#silence()],
      [trouble * 2, "power off", () => this.#powerOff()],
      [moving ? 8 + trouble * 2 : trouble, "sudden death", () => this.#suddenDeath()],
      [10, "fence", () => this.#fence()],
      [15, "misses", () => this.#misses()],
      [10, "declare", () => this.#declare()],
      [15, "heal", () => this.#heal()],
      [15, "back", () => this.#back()],
      [trouble, "goodbye", () => this.#goodbye()],
      [trouble, "restart", () => this.#restart()],
      [4, "noise", () => this.#noise()],
      [2, "create", () => this.#create()],
    ];
    let at = this.#random(ways.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, name, run] of ways) {
      at -= weight;
      if (at < 0) return [name, run];
    }
    throw new Error("no step was picked");
  }

  async #create(): Promise<void> {
    const { world } = this;
    const number = world.containers().length;
    if (number >= 4) return;
    const ha = !this.#chance(15);
    const volumes = this.#chance(25) ? [{ name: "data", path: "/data", kind: "local" as const }] : [];
    const clusterId = this.#chance(20) ? "cluster-1" : null;
    const name = `app-${++this.#made}`;
    const resources = { cpuMillis: 200 + this.#random(4) * 200, memoryBytes: 100, diskBytes: 0 };
    const priority = this.#oneOf(["low", "normal", "high", "critical"] as const) ?? "normal";
    const change = { ha, preferredClusterId: clusterId, resources, allowDataLoss: this.#chance(30), priority };
    const { containerId } = await world.operations.createContainer(haContainer(name, change, { volumes }), "story");
    this.#tell(`create ${containerId} ha=${ha} local=${volumes.length} ${JSON.stringify(change)}`);
  }

  #obey(): void {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.up && one.inbox.length > 0));
    if (!node) return;
    const index = this.#chance(70) ? 0 : this.#random(node.inbox.length);
    const fault = this.#chance(15) ? (this.#oneOf(FAULTS) ?? null) : null;
    const command = node.inbox[index];
    if (command && this.#chance(5)) node.inbox.push(command); // Comes twice.
    this.world.obey(node.id, index, fault);
    const result = command && node.results.get(command.commandId);
    this.#tell(
      `${node.id} obeys ${command?.action.kind} ${command?.containerId}@${command?.epoch} s${command?.session}: ${result?.ok ? "ok" : result?.errorCode}`,
    );
  }

  async #hear(): Promise<void> {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.outgoing.length > 0 && one.reachable));
    if (!node) return;
    const [message] = node.outgoing;
    this.#tell(`hears ${node.id}: ${JSON.stringify(message)}`);
    await this.world.hear(node.id);
  }

  /** For a moment everything that was said and sent takes its way. */
  async #calm(): Promise<void> {
    for (let left = this.#random(20); left > 0; left--) {
      const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.up && one.inbox.length > 0));
      const speaker = this.#oneOf([...this.world.nodes.values()].filter((one) => one.outgoing.length > 0));
      if (node && this.#chance(50)) {
        const [command] = node.inbox;
        this.#tell(`${node.id} obeys ${command?.action.kind} ${command?.containerId}`);
        this.world.obey(node.id, 0, null);
      } else if (speaker) {
        this.#tell(`hears ${speaker.id}: ${JSON.stringify(speaker.outgoing[0])}`);
        await this.world.hear(speaker.id);
      } else {
        const deadline = this.world.nextDeadline();
        if (deadline?.name !== "restart") return;
        this.#tell(`deadline ${deadline.name} of ${deadline.containerId}`);
        await this.world.fire(deadline);
      }
    }
  }

  async #attach(): Promise<void> {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.up && one.reachable && !one.attached));
    if (!node) return;
    this.#tell(`${node.id} says hello (${this.world.chart(node.id)})`);
    await this.world.attach(node.id);
  }

  async #wish(): Promise<void> {
    const container = this.#oneOf(this.world.containers());
    if (!container) return;
    const { id } = container.facts;
    const { operations } = this.world;
    const kind = this.#random(20);
    const life = lifeState(container.snapshot);
    this.#tell(`wish ${kind} for ${id} (${life})`);
    if (kind < 7) await operations.setDesired(id, "running", "story");
    else if (kind < 12) await operations.setDesired(id, "stopped", "story");
    else if (kind < 19) await operations.restart(id, "story");
    else await operations.setDesired(id, "removed", "story");
    this.#note(`wish in ${life}`);
  }

  async #migrate(): Promise<void> {
    const container = this.#oneOf(this.world.containers());
    if (!container) return;
    const target = this.#chance(50) ? null : (this.#oneOf([...this.world.nodes.keys()]) ?? null);
    this.#tell(`migrate ${container.facts.id} to ${target}`);
    await this.world.operations.migrate(container.facts.id, target, "story");
  }

  async #cancel(): Promise<void> {
    const container = this.#oneOf(this.world.containers().filter(({ snapshot }) => snapshot.context.move !== null));
    if (!container) return;
    const { id } = container.facts;
    const step = migrationStep(container.snapshot);
    this.#tell(`cancel the migration of ${id} in ${step}`);
    const migration = migrationId(id, container.snapshot.context.lastMove);
    await this.world.operations.cancelMigration(migration, id, "story");
    this.#note(`cancel in ${step}`);
  }

  async #deadline(): Promise<void> {
    const deadline = this.world.nextDeadline();
    if (!deadline) return;
    this.#tell(`deadline ${deadline.name} of ${deadline.containerId}`);
    await this.world.fire(deadline);
  }

  /** An agent says how a copy is, by itself. */
  #report(): void {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.attached && one.copies.size > 0));
    const [containerId, copy] = this.#oneOf([...(node?.copies ?? [])]) ?? [];
    if (!node || containerId === undefined || !copy) return;
    node.outgoing.push({ kind: "report", observed: node.observed(containerId, copy) });
  }

  #crash(): void {
    const node = this.#oneOf([...this.world.nodes.values()]);
    const containerId = this.#oneOf([...(node?.copies.keys() ?? [])]);
    if (!node || containerId === undefined) return;
    this.#tell(`${containerId} crashes on ${node.id}`);
    node.crash(containerId);
  }

  #detach(): void {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.attached));
    if (!node) return;
    this.#tell(`the stream of ${node.id} breaks`);
    node.detach();
    if (this.#chance(50)) node.inbox.length = 0;
  }

  #silence(): void {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.up && one.reachable));
    if (!node) return;
    this.#tell(`${node.id} is cut off`);
    node.reachable = false;
    node.detach();
    if (this.#chance(50)) node.inbox.length = 0;
  }

  #powerOff(): void {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.up));
    if (!node) return;
    this.#tell(`${node.id} loses power`);
    node.powerOff();
  }

  /** A node loses power and is declared dead before anything else happens; one that is part of a migration, often. */
  async #suddenDeath(): Promise<void> {
    const moves = this.world.containers().flatMap(({ snapshot }) => snapshot.context.move ?? []);
    const involved = moves.flatMap((move) => [move.sourceNodeId, move.targetNodeId ?? move.sourceNodeId]);
    const id = this.#oneOf(involved.length > 0 ? involved : [...this.world.nodes.keys()]);
    if (id === undefined) return;
    const chart = this.world.chart(id);
    this.#tell(`${id} dies suddenly`);
    this.world.node(id).powerOff();
    if (chart === "healthy") await this.world.missHeartbeats(id);
    if (this.world.chart(id) !== "unhealthy") return;
    this.#noteDeath(id);
    await this.world.declareDead(id);
  }

  #fence(): void {
    for (const node of this.world.nodes.values()) {
      if (!node.up || node.reachable || !node.leased || this.#chance(50)) continue;
      this.#tell(`the lease of ${node.id} ends`);
      node.fence((id) => this.world.container(id)?.snapshot.context.ha ?? true);
      return;
    }
  }

  async #misses(): Promise<void> {
    for (const node of this.world.nodes.values()) {
      if (this.world.chart(node.id) !== "healthy" || this.world.beats(node.id)) continue;
      this.#tell(`${node.id} misses heartbeats`);
      return this.world.missHeartbeats(node.id);
    }
  }

  async #declare(): Promise<void> {
    for (const node of this.world.nodes.values()) {
      const chart = this.world.chart(node.id);
      if (node.leased || this.world.beats(node.id) || (chart !== "unhealthy" && chart !== "rejoining")) continue;
      this.#noteDeath(node.id);
      this.#tell(`${node.id} is declared dead`);
      return this.world.declareDead(node.id);
    }
  }

  /** In which states of containers a node dies, for the record of what was seen. */
  #noteDeath(nodeId: string): void {
    for (const { snapshot } of this.world.containers()) {
      const { move, placement } = snapshot.context;
      if (!move) {
        if (placement?.nodeId === nodeId) this.#note(`home dies in ${lifeState(snapshot)}`);
        continue;
      }
      const step = migrationStep(snapshot);
      if (move.sourceNodeId === nodeId && !move.sourceDead) this.#note(`source dies in ${step}`);
      if (move.targetNodeId === nodeId) this.#note(`target dies in ${step}`);
    }
  }

  #heal(): void {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => !one.up || !one.reachable));
    if (!node) return;
    this.#tell(`${node.id} ${node.up ? "is reachable" : "boots"}`);
    node.up = true;
    node.reachable = true;
  }

  async #back(): Promise<void> {
    for (const node of this.world.nodes.values()) {
      if (this.world.chart(node.id) !== "unhealthy" || !node.up || !node.reachable) continue;
      if (!this.world.served(node.id)) continue;
      this.#tell(`${node.id} is heard again`);
      return this.world.hearHeartbeats(node.id);
    }
  }

  #goodbye(): void {
    const node = this.#oneOf([...this.world.nodes.values()].filter((one) => one.attached));
    if (!node) return;
    this.#tell(`${node.id} says goodbye`);
    node.leave();
  }

  #restart(): void {
    this.#tell("the coordinator restarts");
    this.world.restartCoordinator();
  }

  /** What may come late or from anywhere and must change nothing that matters. */
  async #noise(): Promise<void> {
    const container = this.#oneOf(this.world.containers());
    const nodeId = this.#oneOf([...this.world.nodes.keys()]);
    if (!container || nodeId === undefined) return;
    const { context } = container.snapshot;
    const at = this.world.nowMs;
    const ordinal = this.#random(context.lastOrdinal + 1);
    const awaited = context.awaited?.ordinal === ordinal || context.moveAwaited?.ordinal === ordinal;
    const oldEpoch = Math.max(0, Math.min(context.placement?.epoch ?? 1, context.move?.sourceEpoch ?? 9e9) - 1);
    const epoch = this.#random(oldEpoch + 1);
    const event = this.#oneOf([
      { type: "ROOM" as const, at },
      { type: "DEADLINE" as const, at, name: "start", due: at - 1 },
      { type: "OBSERVED" as const, at, nodeId, epoch, state: "exited" as const, detail: "old" },
      { type: "OBSERVED" as const, at, nodeId, epoch, state: "running" as const, detail: "old" },
      { type: "NODE_HEARD" as const, at, nodeId: "node-of-nobody" },
      ...(awaited ? [] : [{ type: "COMMAND_OK" as const, at, ordinal }]),
      ...(awaited ? [] : [{ type: "COMMAND_FAILED" as const, at, ordinal, code: "start_failed", message: "old" }]),
    ]);
    if (!event) return;
    this.#tell(`noise for ${context.id}: ${JSON.stringify(event)}`);
    await this.world.submit((work) => work.tellContainer(context.id, event));
  }

  /**
   * Faults stop: what is dead may stay dead, everything else comes back and does its work, until nothing is left to do.
   */
  async quiet(): Promise<void> {
    const { world } = this;
    this.#faults = false;
    this.#tell("quiet");
    const gone = new Set(
      [...world.nodes.values()].filter((node) => !node.up && this.#chance(60)).map((node) => node.id),
    );
    for (const node of world.nodes.values()) {
      if (gone.has(node.id)) continue;
      node.up = true;
      node.reachable = true;
    }
    for (let steps = 0; await world.work(gone, (what) => this.#tell(what)); steps++) {
      world.nowMs += 1;
      if (steps >= QUIET_STEPS_MAX) throw new Error(`the fleet is not at rest after ${steps} steps`);
    }
    for (const { facts, snapshot } of world.containers()) {
      if (lifeState(snapshot) !== "failed" || snapshot.context.desired !== "running") continue;
      this.#note("started again by hand");
      await world.operations.setDesired(facts.id, "running", "story");
    }
    for (let steps = 0; await world.work(gone, (what) => this.#tell(what)); steps++) {
      world.nowMs += 1;
      if (steps >= QUIET_STEPS_MAX) throw new Error(`the fleet is not at rest after ${steps} steps`);
    }
  }

  #chance(percent: number): boolean {
    return this.#random(100) < percent;
  }

  #oneOf<T>(values: readonly T[]): T | undefined {
    return values[this.#random(Math.max(1, values.length))];
  }

  #note(what: string): void {
    this.#seen.set(what, (this.#seen.get(what) ?? 0) + 1);
  }

  #tell(what: string): void {
    this.#told.push(what);
  }
}
