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

/** Where it stands with respect to moving: a resting state, or migrating. */
export function migrationStatus(snapshot: ContainerSnapshot): MigrationStatus {
  const value: unknown = snapshot.value.migration;
  return typeof value === "string" ? (value as MigrationStatus) : "migrating";
}
