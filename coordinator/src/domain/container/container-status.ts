import type { ContainerSnapshot } from "./container-machine.ts";

export type ContainerStatus =
  | "unplaced"
  | "starting"
  | "running"
  | "stopping"
  | "stopped"
  | "crashed"
  | "unknown"
  | "migrating"
  | "failed"
  | "removing";

export type MigrationStatus = "idle" | "migrating" | "completed" | "failed";

/** The name of the state that the life region is in. */
export function lifeState(snapshot: ContainerSnapshot): string {
  const value: unknown = snapshot.value.life;
  return typeof value === "string" ? value : (Object.keys(value as object)[0] ?? "fresh");
}

/** What a container does, in the words of the API. */
export function containerStatus(snapshot: ContainerSnapshot): ContainerStatus {
  const life = lifeState(snapshot);
  switch (life) {
    case "starting":
    case "running":
    case "stopping":
    case "stopped":
    case "unknown":
    case "failed":
    case "removing":
      return life;
    case "backoff":
      return "crashed";
    // What runs is its script, not it.
    case "installing":
      return "stopped";
    case "lost":
      return "unknown";
    case "moving":
      return "migrating";
    case "gone":
      return "removing";
    default:
      return "unplaced";
  }
}

/** Where it stands with respect to moving: a resting state, or migrating. After a cancelled migration all is as before. */
export function migrationStatus(snapshot: ContainerSnapshot): MigrationStatus {
  const value: unknown = snapshot.value.migration;
  if (typeof value !== "string") return "migrating";
  return value === "completed" || value === "failed" ? value : "idle";
}

/** The outermost state of the migration under way: "queued", "preparing", "rolling_back"; empty when there is none. */
export function migrationState(snapshot: ContainerSnapshot): string {
  const value: unknown = snapshot.value.migration;
  if (typeof value === "string" || value === null) return "";
  const [inner] = Object.values(value as object);
  return typeof inner === "string" ? inner : (Object.keys(inner ?? {})[0] ?? "");
}

/** It has no node that runs it, and waits for room on any: never placed, or left by a dead node that no other replaced. */
export function waitsForRoom(snapshot: ContainerSnapshot): boolean {
  const state = lifeState(snapshot);
  return state === "unplaced" || state === "stranded";
}
