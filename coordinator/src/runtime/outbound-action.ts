import type { ContainerEffect } from "../domain/container/container-effects.ts";
import type { OutboundAction } from "./agent-link.ts";
import type { ContainerRecord, FleetView } from "./fleet-view.ts";
import { imageToOrder } from "./image-pin.ts";

type CommandEffect = Extract<ContainerEffect, { kind: "command" }>;

/** A container's command as the outbox keeps it, with the ports that it holds on the node at this moment. */
export function outboundAction(fleet: FleetView, container: ContainerRecord, effect: CommandEffect): OutboundAction {
  if (effect.command === "stop") return { kind: "stop", graceMs: effect.graceMs ?? 0 };
  if (effect.command === "remove") return { kind: "remove", removeVolumes: effect.removeVolumes ?? false };
  const holding = fleet.room(effect.nodeId).holders.get(container.facts.id);
  const { resources, move } = container.snapshot.context;
  const { spec, imagePin = null } = container.facts;
  const clusterId = fleet.node(effect.nodeId)?.facts.clusterId ?? "";
  const { image, askRegistry } = imageToOrder(
    { image: spec.image, pin: imagePin },
    { floating: fleet.cluster(clusterId)?.floatingImages ?? false, moving: move !== null },
  );
  return {
    kind: effect.command,
    workload: {
      containerName: container.facts.name,
      ha: container.snapshot.context.ha,
      spec: image === spec.image ? spec : { ...spec, image },
      ...(askRegistry ? { askRegistry } : {}),
      ports: holding?.ports ?? [],
      ...resources,
    },
  };
}
