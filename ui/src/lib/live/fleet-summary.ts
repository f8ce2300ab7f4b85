import {
  type Container,
  ContainerStatus,
  ContainerType,
  type Migration,
  type Node,
  NodeStatus,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";

/** The fleet in figures. */
export type FleetSummary = {
  readonly nodes: number;
  readonly healthyNodes: number;
  readonly containers: number;
  readonly runningContainers: number;
  readonly haContainers: number;
  readonly runningMigrations: number;
  /** What a person should look at, the worst first; empty when all is well. */
  readonly concerns: readonly Concern[];
};

/** One thing that is not as it should be. */
export type Concern = { readonly tone: "bad" | "warn"; readonly text: string; readonly href: string };

/** Container states in which it neither serves nor is on its way to, without anybody having asked for that. */
const troubled: ReadonlySet<ContainerStatus> = new Set([
  ContainerStatus.FAILED,
  ContainerStatus.CRASHED,
  ContainerStatus.UNPLACED,
  ContainerStatus.UNKNOWN,
]);

/** Sums the fleet up. */
export function summarize(
  nodes: readonly Node[],
  containers: readonly Container[],
  running: readonly Migration[],
): FleetSummary {
  const concerns: Concern[] = [];
  for (const node of nodes) {
    const href = `/nodes/${encodeURIComponent(node.id)}`;
    if (node.approval) {
      concerns.push({ tone: "warn", text: `${node.name} waits to be let in.`, href });
    } else if (node.status === NodeStatus.DEAD) concerns.push({ tone: "bad", text: `${node.name} is dead.`, href });
    else if (node.status === NodeStatus.UNHEALTHY) {
      concerns.push({ tone: "warn", text: `${node.name} does not send heartbeats.`, href });
    } else if (node.status === NodeStatus.HEALTHY && !node.guarded) {
      concerns.push({ tone: "warn", text: `${node.name} has no guard, so it takes no HA container.`, href });
    }
  }
  for (const container of containers) {
    if (!troubled.has(container.status)) {
      if (container.unmetDemand === "") continue;
      const text = `${container.name} is where it would not be placed now: ${container.unmetDemand}.`;
      concerns.push({ tone: "warn", text, href: `/containers/${encodeURIComponent(container.id)}` });
      continue;
    }
    const reason = container.statusReason === "" ? statusText(container.status) : container.statusReason;
    concerns.push({
      tone: container.status === ContainerStatus.FAILED ? "bad" : "warn",
      text: `${container.name}: ${reason}`,
      href: `/containers/${encodeURIComponent(container.id)}`,
    });
  }
  concerns.sort((a, b) => Number(b.tone === "bad") - Number(a.tone === "bad"));
  return {
    nodes: nodes.filter(({ approval }) => approval === undefined).length,
    healthyNodes: nodes.filter(({ status }) => status === NodeStatus.HEALTHY).length,
    containers: containers.length,
    runningContainers: containers.filter(({ status }) => status === ContainerStatus.RUNNING).length,
    haContainers: containers.filter(({ type }) => type === ContainerType.HA).length,
    runningMigrations: running.length,
    concerns,
  };
}

function statusText(status: ContainerStatus): string {
  switch (status) {
    case ContainerStatus.FAILED:
      return "given up; start it to try again.";
    case ContainerStatus.CRASHED:
      return "ended by itself; a restart is due.";
    case ContainerStatus.UNPLACED:
      return "waits for a node with room.";
    default:
      return "its node does not answer, so what it does is not known.";
  }
}
