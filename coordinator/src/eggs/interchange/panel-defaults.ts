import type { Resources } from "../../domain/resources.ts";
import type { VolumeSpec } from "../../domain/workload.ts";
import type { EggPort } from "../egg-definition.ts";

/** Where the images of panels' eggs keep a server's files. */
export const SERVER_FOLDER = "/home/container";

/**
 * What a panel's egg does not say and a container needs. A panel gives a server one allocation, an address and a port for TCP and
 * UDP alike; here these are two ports with one number inside of the container. Fixed host ports make their numbers alike outside.
 */
export const ALLOCATION_PORT = 25_565;
export const ALLOCATION_PORTS: readonly EggPort[] = [
  { name: "game", containerPort: ALLOCATION_PORT, protocol: "tcp" },
  { name: "game-udp", containerPort: ALLOCATION_PORT, protocol: "udp" },
];
export const SERVER_VOLUMES: readonly VolumeSpec[] = [{ name: "data", path: SERVER_FOLDER, kind: "local" }];
export const PANEL_RESOURCES: Resources = {
  cpuMillis: 1_000,
  memoryBytes: 1_024 ** 3,
  diskBytes: 1_024 ** 3,
};
/** A world is saved within this after the stop signal. */
export const PANEL_GRACE_MS = 30_000;
/** A server with a Java machine and a world takes this long to answer. */
export const PANEL_START_BUDGET_MS = 60_000;

/** And one that says when it is ready, a world that is made anew included, within this. */
export const PANEL_READY_BUDGET_MS = 300_000;

/** Environment that a panel gives every server, and Lormas too; an egg's variable of the same name does not count. */
export const PROVIDED_VARIABLES = ["STARTUP", "SERVER_MEMORY", "SERVER_IP", "SERVER_PORT", "TZ"] as const;
