import type { PendingCommand } from "./fleet-view.ts";
import { type FoundImage, pinAfter } from "./image-pin.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

/** Keeps what an agent found a container's image to be, and says so where that is another than before. */
export function noteImage(work: UnitOfWork, { nodeId, command }: PendingCommand, found: FoundImage): void {
  const container = work.container(command.containerId);
  const { action } = command;
  if (!container || (action.kind !== "prepare" && action.kind !== "start")) return;
  const { name, spec, imagePin = null } = container.facts;
  const order = { image: action.workload.spec.image, askRegistry: action.workload.askRegistry ?? false };
  const pin = pinAfter({ image: spec.image, pin: imagePin }, order, found);
  if (pin === imagePin || pin === null) return;
  work.setContainer(command.containerId, { ...container, facts: { ...container.facts, imagePin: pin } });
  const known = imagePin?.image === spec.image ? imagePin : null;
  const said = {
    ...{ nodeId, containerId: command.containerId, migrationId: null, data: { image: spec.image, ...found } },
  };
  if (pin.digest !== "" && pin.digest !== known?.digest) {
    const message = `${name} runs ${spec.image} as ${pin.digest}`;
    work.addEvent({ ...said, type: "container.image_pinned", severity: "info", message });
  }
  if (order.askRegistry && found.note !== "" && found.note !== known?.note) {
    const message = `${name} runs ${spec.image} as its node has it: ${found.note}`;
    work.addEvent({ ...said, type: "container.image_kept", severity: "warning", message });
  }
}
