import type { DecisionChanges } from "../decision-store.ts";

/**
 * What the tables would hold after every commit, in the simulated world of fleet-world.ts; a write that their keys would
 * refuse throws.
 */
export class WorldRecords {
  /** Rooms by container: node ids. */
  readonly rooms = new Map<string, Set<string>>();
  readonly commands = new Map<string, "pending" | "done" | "void">();
  readonly migrations = new Map<string, { containerId: string; outcome: string; state: string }>();
  readonly jobs = new Map<string, { containerId: string; job: string; ended: boolean }>();
  #newestSequence = 0;

  take(changes: DecisionChanges): void {
    for (const { containerId, rooms } of changes.holdings) {
      this.rooms.set(containerId, new Set(rooms.map(({ nodeId }) => nodeId)));
    }
    for (const containerId of changes.forgotten) this.rooms.delete(containerId);
    for (const { command } of changes.commands) {
      once(this.commands, command.commandId, "pending", "command");
    }
    for (const { commandId, state } of changes.endedCommands) {
      if (!this.commands.has(commandId)) throw new Error(`the end of an unknown command ${commandId}`);
      this.commands.set(commandId, state);
    }
    for (const change of changes.migrations) this.#migration(change);
    for (const change of changes.jobs) {
      if (change.kind === "begun") {
        once(
          this.jobs,
          change.id,
          { containerId: change.containerId, job: change.job, ended: change.done !== null },
          "job",
        );
        continue;
      }
      for (const job of this.jobs.values()) {
        if (job.containerId === change.containerId && change.jobs.includes(job.job)) job.ended = true;
      }
    }
    for (const event of changes.events) {
      if (event.sequence !== ++this.#newestSequence) throw new Error(`event ${event.sequence} leaves a gap`);
    }
  }

  #migration(change: DecisionChanges["migrations"][number]): void {
    if (change.kind === "begun") {
      const { id, containerId } = change;
      once(this.migrations, id, { containerId, outcome: "running", state: "migrating" }, "migration");
      return;
    }
    const migration = this.migrations.get(change.id);
    if (migration?.outcome !== "running") throw new Error(`${change.kind} of a migration that is not under way`);
    if (change.kind === "step") migration.state = change.name;
    if (change.kind === "ended") migration.outcome = change.outcome;
  }
}

function once<T>(map: Map<string, T>, id: string, value: T, what: string): void {
  if (map.has(id)) throw new Error(`${what} ${id} is written a second time`);
  map.set(id, value);
}
