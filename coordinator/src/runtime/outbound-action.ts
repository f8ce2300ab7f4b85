import type { ContainerEffect } from "../domain/container/container-effects.ts";
import type { OutboundAction } from "./agent-link.ts";
import type { ContainerRecord, FleetView } from "./fleet-view.ts";

type CommandEffect = Extract<ContainerEffect, { kind: "command" }>;

/** A container's command as the outbox keeps it, with the ports that it holds on the node at this moment. */
export function outboundAction(fleet: FleetView, container: ContainerRecord, effect: CommandEffect): OutboundAction {
  if (effect.command === "stop") return { kind: "stop", graceMs: effect.graceMs ?? 0 };
  if (effect.command === "remove") return { kind: "remove", removeVolumes: effect.removeVolumes ?? false };
  const holding = fleet.room(effect.nodeId).holders.get(container.facts.id);
  const { resources } = container.snapshot.context;
  return {
    kind: effect.command,
    workload: {
      containerName: container.facts.name,
      ha: container.snapshot.context.ha,
      spec: container.facts.spec,
      ports: holding?.ports ?? [],
      ...resources,
    },
  };
}
