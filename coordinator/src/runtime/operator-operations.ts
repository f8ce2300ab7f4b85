import { Refusal } from "../domain/refusal.ts";
import type { DecisionLoop } from "./decision-loop.ts";
import type { NodeRecord } from "./fleet-view.ts";
import { admitNPlusOne } from "./n-plus-one-admission.ts";
import { approveNode, denyNode } from "./node-approvals.ts";
import { changeNode } from "./node-change.ts";
import { misfitsOnNode } from "./node-misfit.ts";
import { removeNode } from "./node-removal.ts";
import type { Granted, NodeChange, OperatorWishes } from "./operator-wishes.ts";
import type { FleetEvent, UnitOfWork } from "./unit-of-work.ts";

export type OperatorPorts = {
  readonly loop: Pick<DecisionLoop, "submit">;
  /** Ends a node's streams. */
  readonly disconnect: (nodeId: string, reason: string) => void;
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

  update(nodeId: string, change: NodeChange, by: string): Promise<Granted> {
    return this.#ports.loop.submit((work) => {
      const node = existing(work, nodeId);
      const said = changeNode(work, node, change);
      if (said.length === 0) return { warnings: [] };
      const { facts } = existing(work, nodeId);
      const { priority, labels, name, clusterId } = facts;
      const message = `${node.facts.name} has ${said.join(" and ")} now, set by ${by}`;
      work.addEvent(nodeEvent(nodeId, "node.updated", "info", message, { by, priority, labels, name, clusterId }));
      const was = work.before();
      const warnings = admitNPlusOne(was, work, `the change of ${facts.name}`);
      return { warnings, notes: misfitsOnNode(was, work, nodeId) };
    });
  }

  async revoke(nodeId: string, by: string): Promise<void> {
    await this.#ports.loop.submit((work) => {
      const { facts } = existing(work, nodeId);
      if (facts.revokedAtMs !== null) return;
      work.changeNode(nodeId, { revokedAtMs: work.atMs });
      const message = `the certificate of ${facts.name} was revoked by ${by}: it is shut out`;
      work.addEvent(nodeEvent(nodeId, "node.revoked", "warning", message, { by }));
    });
    this.#ports.disconnect(nodeId, "the node has been revoked");
  }

  approve(nodeId: string, keyFingerprint: string, by: string): Promise<void> {
    return this.#ports.loop.submit((work) => approveNode(work, existing(work, nodeId), keyFingerprint, by));
  }

  deny(nodeId: string, by: string): Promise<void> {
    return this.#ports.loop.submit((work) => denyNode(work, existing(work, nodeId), by));
  }

  remove(nodeId: string, by: string): Promise<void> {
    return this.#ports.loop.submit((work) => removeNode(work, existing(work, nodeId), by));
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

function nodeEvent(
  nodeId: string,
  type: string,
  severity: "info" | "warning",
  message: string,
  data: Readonly<Record<string, unknown>>,
): FleetEvent {
  return { type, severity, message, nodeId, containerId: null, migrationId: null, data };
}

function existing(work: UnitOfWork, nodeId: string): NodeRecord {
  const node = work.node(nodeId);
  if (node) return node;
  throw new Refusal("not_found", `there is no node ${nodeId}`, "list the nodes to see which there are", {
    field: "id",
  });
}
