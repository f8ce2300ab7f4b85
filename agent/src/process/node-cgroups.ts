import type { CgroupLayout } from "./cgroup-layout.ts";

/** The control groups of one node, as paths below the cgroup mount. */
export type CgroupPaths = {
  /** All of the node is below it. */
  readonly node: string;
  /** HA containers: what the guard kills at the deadline. */
  readonly ha: string;
  /** The other containers. */
  readonly plain: string;
  /** The guard itself. */
  readonly guard: string;
  /** Where killed processes are moved to from a frozen group so that they can die (version 1). */
  readonly grave: string;
};

/** Paths on a machine where they can be made. */
export type NodeCgroups = { readonly layout: CgroupLayout; readonly paths: CgroupPaths };

/** Who makes cgroups for the engine: the engine itself, or systemd, which knows only slices. */
export type CgroupDriver = "cgroupfs" | "systemd";

/** A node's groups. With systemd each is a slice, whose name spells its place with hyphens. */
export function cgroupPaths(parent: string, nodeId: string, driver: CgroupDriver): CgroupPaths {
  if (driver === "cgroupfs") {
    const node = `${parent}/${nodeId}`;
    return { node, ha: `${node}/ha`, plain: `${node}/plain`, guard: `${node}/guard`, grave: `${node}/grave` };
  }
  const parts = [...parent.split("/").filter(Boolean), nodeId].map((part) => part.replaceAll("-", ""));
  const slices = parts.map((_part, index) => `${parts.slice(0, index + 1).join("-")}.slice`);
  const node = `/${slices.join("/")}`;
  const below = (name: string) => `${node}/${parts.join("-")}-${name}.slice`;
  return { node, ha: below("ha"), plain: below("plain"), guard: below("guard"), grave: below("grave") };
}

/** A group as the engine takes it for a container's parent. */
export function engineParent(path: string, driver: CgroupDriver): string {
  return driver === "cgroupfs" ? path : (path.split("/").at(-1) ?? path);
}
