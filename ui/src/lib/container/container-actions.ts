import {
  type Container,
  ContainerStatus,
  ContainerType,
  DesiredState,
  MigrationStatus,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";

/** What can be done to a container. */
export type ContainerAction = "start" | "stop" | "kill" | "restart" | "delete" | "migrate";

/** What can be moved by hand: what runs, may run, or keeps failing where it is. */
const movable: readonly ContainerStatus[] = [
  ContainerStatus.RUNNING,
  ContainerStatus.UNKNOWN,
  ContainerStatus.CRASHED,
  ContainerStatus.FAILED,
];

/** Why an action cannot be taken now, in words for a person; null when it can. The server has the last word. */
export function whyNot(container: Container, action: ContainerAction): string | null {
  if (container.desiredState === DesiredState.REMOVED || container.status === ContainerStatus.REMOVING) {
    return "It is being removed.";
  }
  if (container.migrationStatus === MigrationStatus.MIGRATING)
    return "It is being moved; wait until that has ended, or cancel it.";
  switch (action) {
    case "start":
      if (container.suspension) return `It is suspended: ${container.suspension.reason}`;
      return container.desiredState === DesiredState.RUNNING && container.status !== ContainerStatus.FAILED
        ? "It is wanted to run already."
        : null;
    case "stop":
      return container.desiredState === DesiredState.STOPPED ? "It is stopped by wish already." : null;
    case "kill":
      return container.status === ContainerStatus.STOPPED ? "Nothing of it runs." : null;
    case "restart":
      return container.status === ContainerStatus.RUNNING ? null : "Only a running container can be restarted.";
    case "delete":
      return null;
    case "migrate":
      if (container.type !== ContainerType.HA) return "Only HA containers move.";
      return movable.includes(container.status) ? null : "It can be moved once it has been started.";
    default:
      return action satisfies never;
  }
}
