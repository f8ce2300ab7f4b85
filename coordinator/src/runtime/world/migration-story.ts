import { expect } from "vitest";
import { lifeState } from "../../domain/container/container-status.ts";
import type { MigrationLimits } from "../../domain/migration/migration-limits.ts";
import { migrationId } from "../deterministic-id.ts";
import { haContainer } from "../fleet-rig.ts";
import type { NewContainer } from "../operations.ts";
import { FleetWorld, migrationStep } from "./fleet-world.ts";

const WORK_MAX = 500;

/** One container on a small fleet of fleet-world.ts, led into each state of a migration by hand. For tests. */
export class MigrationStory {
  readonly world = new FleetWorld();
  readonly nodes: readonly string[];
  id = "";
  #made = 0;

  constructor(nodes = 3) {
    this.nodes = Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
  }

  /** A cluster with three healthy nodes, and one container that runs. */
  async begin(limits: Partial<MigrationLimits> = {}, wish: Partial<NewContainer> = {}): Promise<this> {
    this.world.addCluster("local", { autoMigrate: true, allowOtherClusters: true, limits });
    for (const _ of this.nodes) await this.world.addNode("local", 2_000);
    await this.rest();
    this.id = await this.create(wish);
    await this.rest();
    expect(this.life()).toBe("running");
    return this;
  }

  async create(change: Partial<NewContainer> = {}): Promise<string> {
    const name = `web-${++this.#made}`;
    const resources = { cpuMillis: 100, memoryBytes: 100, diskBytes: 0 };
    return (await this.world.operations.createContainer(haContainer(name, { resources, ...change }), "test"))
      .containerId;
  }

  snapshot(id = this.id) {
    return this.world.container(id)?.snapshot ?? expect.fail("the container is gone");
  }

  life(id = this.id): string {
    return lifeState(this.snapshot(id));
  }

  move(id = this.id) {
    return this.snapshot(id).context.move;
  }

  step(id = this.id): string {
    return this.move(id) ? migrationStep(this.snapshot(id)) : "none";
  }

  home(id = this.id): string {
    return this.snapshot(id).context.placement?.nodeId ?? "";
  }

  /** How its migrations ended, in order. */
  outcomes(id = this.id): string[] {
    return [...this.world.records.migrations.values()]
      .filter(({ containerId }) => containerId === id)
      .map(({ outcome }) => outcome);
  }

  /** Works until nothing is left to do; those who are gone stay dead. */
  async rest(gone: Iterable<string> = []): Promise<void> {
    const dead = new Set(gone);
    for (let left = WORK_MAX; left > 0; left--) if (!(await this.world.work(dead))) return;
    expect.fail("the fleet does not come to rest");
  }

  /** The next command that has arrived anywhere is carried out, perhaps with a fault, and its result is heard. */
  async next(fault: string | null = null): Promise<void> {
    const node = [...this.world.nodes.values()].find(({ inbox }) => inbox.length > 0);
    if (!node) expect.fail("nothing is asked for");
    this.world.obey(node.id, 0, fault);
    await this.world.hear(node.id);
  }

  async fall(nodeId: string): Promise<void> {
    const node = this.world.node(nodeId);
    node.reachable = false;
    node.detach();
    if (this.world.chart(nodeId) === "healthy") await this.world.missHeartbeats(nodeId);
  }

  async die(nodeId: string): Promise<void> {
    this.world.node(nodeId).powerOff();
    if (this.world.chart(nodeId) === "healthy") await this.world.missHeartbeats(nodeId);
    await this.world.declareDead(nodeId);
  }

  async cancel(by = "ann"): Promise<void> {
    await this.world.operations.cancelMigration(this.migrationId(), this.id, by);
  }

  migrationId(id = this.id): string {
    return migrationId(id, this.snapshot(id).context.lastMove);
  }

  /** The deadline of the migration comes before any answer does. */
  async timeOut(): Promise<void> {
    const deadline = this.snapshot().context.moveDeadline ?? expect.fail("nothing is waited for");
    await this.world.fire({ containerId: this.id, ...deadline });
  }

  /** Leads a migration by wish into one of its states. */
  async migrateUntil(wanted: MigrationStep): Promise<{ source: string; target: string }> {
    const source = this.home();
    if (wanted === "fencing") await this.fall(source);
    await this.world.operations.migrate(this.id, null, "test");
    const target = this.move()?.targetNodeId ?? "";
    await this.#reach(wanted);
    expect(this.step()).toBe(wanted);
    return { source, target };
  }

  async #reach(wanted: MigrationStep): Promise<void> {
    const before: Record<MigrationStep, (string | null)[]> = {
      fencing: [],
      preparing: [],
      stopping_source: [null],
      starting: [null, null],
      verifying: [null, null],
      cleaning_up: [null, null, null],
      "rolling_back.closing_target": ["disk_full"],
      "rolling_back.restarting_source": [null, null, "start_failed", null],
    };
    for (const fault of before[wanted]) await this.next(fault);
    if (wanted !== "verifying") return;
    const target = this.world.node(this.move()?.targetNodeId ?? "");
    this.world.obey(target.id, 0, null);
    // What the host sees of the new copy is heard before the start's own result.
    const copy = target.copies.get(this.id) ?? expect.fail("nothing was started");
    target.outgoing.unshift({ kind: "report", observed: target.observed(this.id, copy) });
    await this.world.hear(target.id);
  }

  /** It runs once, where it is shown and on one of these nodes, and no migration is left under way. */
  expectAtRest(alive: readonly string[] = this.nodes): void {
    expect(this.outcomes()).not.toContain("running");
    expect(this.life()).toBe("running");
    expect(this.world.runningOn(this.id)).toEqual([this.home()]);
    expect(alive).toContain(this.home());
  }
}

/** The states in which a migration by wish waits for something. */
export const MIGRATION_STEPS = [
  "fencing",
  "preparing",
  "stopping_source",
  "starting",
  "verifying",
  "cleaning_up",
  "rolling_back.closing_target",
  "rolling_back.restarting_source",
] as const;
export type MigrationStep = (typeof MIGRATION_STEPS)[number];
