import type { NodeApproval } from "../domain/node/node-approval.ts";
import { NODE_PRIORITY_DEFAULT } from "../domain/node/node-priority.ts";
import { Refusal } from "../domain/refusal.ts";
import { NO_RESOURCES } from "../domain/resources.ts";
import type { NodeFacts } from "./fleet-view.ts";
import type { UnitOfWork } from "./unit-of-work.ts";

export type NewNode = {
  readonly nodeId: string;
  readonly name: string;
  readonly clusterId: string;
  readonly agentVersion: string;
  readonly certificateSerial: string;
  readonly approval: NodeApproval | null;
  readonly address: string;
};

/** What is known of a node before its agent has said hello. */
export function enrolledFacts(node: NewNode, atMs: number): NodeFacts {
  const { nodeId, name, clusterId, agentVersion, certificateSerial, approval, address } = node;
  return {
    id: nodeId,
    name,
    clusterId,
    priority: NODE_PRIORITY_DEFAULT,
    schedulable: true,
    labels: {},
    revokedAtMs: null,
    approval,
    guarded: false,
    runtimeReady: true,
    clockSound: true,
    address,
    peerAddress: "",
    runtime: "",
    architecture: "",
    platform: "",
    agentVersion,
    portPoolMin: 0,
    portPoolMax: 0,
    capacity: NO_RESOURCES,
    certificateSerial,
    enrolledAtMs: atMs,
  };
}

export function refuseTakenNodeName(work: UnitOfWork, name: string): void {
  for (const { facts } of work.nodes()) {
    if (facts.name !== name) continue;
    throw new Refusal("name_taken", `a node named ${name} is enrolled already`, "choose another node name", {
      field: "node_name",
    });
  }
}

export const tokenRefused = (): Refusal =>
  new Refusal("invalid_argument", "the join token is unknown, used or expired", "make another token", {
    field: "token",
  });
