import { Refusal } from "../domain/refusal.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { NodeRecord } from "./fleet-view.ts";
import { admitNPlusOne } from "./n-plus-one-admission.ts";
import type { Granted, OperatorWishes } from "./operator-wishes.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

export type OperatorPorts = {
  readonly loop: Pick<DecisionLoop, "submit">;
};

/** Operators' wishes, decided on the fleet as it is at that moment. */
export class OperatorOperations implements OperatorWishes {
  readonly #ports: OperatorPorts;

  constructor(ports: OperatorPorts) {
    this.#ports = ports;
  }

  cordon(nodeId: string, by: string): Promise<Granted> {
    return this.#ports.loop.submit((work) => {
      const { facts } = existing(work, nodeId);
      work.tellDuty(nodeId, { type: "CORDON", at: work.atMs, by });
      return { warnings: admitNPlusOne(work.before(), work, `the cordon of ${facts.name}`) };
    });
  }

  uncordon(nodeId: string, by: string): Promise<void> {
    return this.#ports.loop.submit((work) => {
      existing(work, nodeId);
      work.tellDuty(nodeId, { type: "UNCORDON", at: work.atMs, by });
    });
  }

  drain(nodeId: string, by: string): Promise<Granted> {
    return this.#ports.loop.submit((work) => {
      const { duty, facts } = existing(work, nodeId);
      const already = (duty.value === "draining" || duty.value === "drained") && !duty.context.maintenance;
      if (!already) work.tellDuty(nodeId, { type: "DRAIN", at: work.atMs, by });
      return { warnings: admitNPlusOne(work.before(), work, `the drain of ${facts.name}`, nodeId) };
    });
  }

  startMaintenance(
    nodeId: string,
    { untilMs, failback }: { untilMs: number | null; failback: boolean },
    by: string,
  ): Promise<Granted> {
    return this.#ports.loop.submit((work) => {
      const { facts } = existing(work, nodeId);
      if (untilMs !== null && untilMs <= work.atMs) {
        throw new Refusal("invalid_argument", "the end of the maintenance has passed already", "name a later one", {
          field: "duration",
        });
      }
      work.tellDuty(nodeId, { type: "MAINTAIN", at: work.atMs, by, until: untilMs, failback });
      return { warnings: admitNPlusOne(work.before(), work, `the maintenance of ${facts.name}`, nodeId) };
    });
  }

  endMaintenance(nodeId: string, by: string): Promise<void> {
    return this.#ports.loop.submit((work) => {
      const { duty, facts } = existing(work, nodeId);
      if (duty.value !== "maintenance" && !(duty.value === "draining" && duty.context.maintenance)) {
        throw new Refusal(
          "not_in_maintenance",
          `${facts.name} is not in maintenance (${duty.value.replaceAll("_", " ")})`,
          duty.value === "in_service" ? "nothing is to be done" : "uncordon it instead",
        );
      }
      work.tellDuty(nodeId, { type: "END_MAINTENANCE", at: work.atMs, by });
    });
  }

  acknowledgeAlert(alertId: string, by: string): Promise<void> {
    return this.#ports.loop.submit((work) => {
      for (const alert of work.unresolvedAlerts()) {
        if (alert.id === alertId) return work.acknowledgeAlert(alert, by);
      }
      throw new Refusal(
        "not_found",
        `there is no unresolved alert ${alertId}`,
        "list the alerts; one that is over needs nobody any more",
        { field: "id" },
      );
    });
  }
}

function existing(work: UnitOfWork, nodeId: string): NodeRecord {
  const node = work.node(nodeId);
  if (node) return node;
  throw new Refusal("not_found", `there is no node ${nodeId}`, "list the nodes to see which there are", {
    field: "id",
  });
}
