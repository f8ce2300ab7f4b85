import type { NodeLabels } from "../node/node-labels.ts";
import {
  CONSTRAINTS_MAX,
  constraintText,
  type LabelConstraint,
  readConstraint,
  satisfies,
} from "./label-constraint.ts";
import type { PlacementFilter } from "./placement-decision.ts";

/** What a container asks of a node beside room; all of it must be so. */
export type NodeDemands = {
  readonly constraints: readonly LabelConstraint[];
  /** CPU architectures that its image runs on, as the container world writes them; empty: any. */
  readonly architectures: readonly string[];
};

/** What of a node they are held against. */
export type DemandedNode = {
  readonly labels: NodeLabels;
  /** As its agent says; empty: it has not said. */
  readonly architecture: string;
};

export const NO_DEMANDS: NodeDemands = { constraints: [], architectures: [] };

/** As many as a container may name. */
export const ARCHITECTURES_MAX = 8;

const ARCHITECTURE = /^[a-z0-9][a-z0-9_]{0,31}$/;
/** What the machines themselves are called, and the name that images go by. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  x64: "amd64",
  aarch64: "arm64",
  i386: "386",
  i686: "386",
  armv7l: "arm",
};

/** Texts as people give them; what is absent is not read. */
export type DemandTexts = {
  readonly constraints?: readonly string[] | undefined;
  readonly architectures?: readonly string[] | undefined;
};

export type ReadDemands =
  | { readonly ok: true; readonly demands: Partial<NodeDemands> }
  | { readonly ok: false; readonly field: "constraints" | "architectures"; readonly reason: string };

/** Reads what is given, each thing once however often it is named; or says what the first is that cannot be read, and why. */
export function readDemands({ constraints, architectures }: DemandTexts): ReadDemands {
  const demands: { constraints?: LabelConstraint[]; architectures?: string[] } = {};
  if (constraints !== undefined) {
    const read = new Map<string, LabelConstraint>();
    for (const text of constraints) {
      const outcome = readConstraint(text);
      if (!outcome.ok) return { ok: false, field: "constraints", reason: `"${text}": ${outcome.reason}` };
      read.set(constraintText(outcome.constraint), outcome.constraint);
    }
    if (read.size > CONSTRAINTS_MAX) {
      return {
        ok: false,
        field: "constraints",
        reason: `${read.size} constraints, at most ${CONSTRAINTS_MAX} are kept`,
      };
    }
    demands.constraints = [...read.values()];
  }
  if (architectures !== undefined) {
    const named = [...new Set(architectures.map((name) => OTHER_NAMES[name.trim()] ?? name.trim()))];
    const wrong = named.find((name) => !ARCHITECTURE.test(name));
    if (wrong !== undefined) {
      return { ok: false, field: "architectures", reason: `"${wrong}" is no architecture such as amd64 or arm64` };
    }
    if (named.length > ARCHITECTURES_MAX) {
      const reason = `${named.length} architectures, at most ${ARCHITECTURES_MAX} are kept`;
      return { ok: false, field: "architectures", reason };
    }
    demands.architectures = named;
  }
  return { ok: true, demands };
}

/** Nothing is demanded that the node has not; without words, since it is asked millions of times. */
export function meetsDemands({ constraints, architectures }: NodeDemands, node: DemandedNode): boolean {
  if (architectures.length > 0 && !architectures.includes(node.architecture)) return false;
  for (const constraint of constraints) if (!satisfies(node.labels, constraint)) return false;
  return true;
}

/**
 * The first demand that the node does not meet: its filter, and why, for people; null where there is none. Whoever sees the container
 * reads it, and may not see the node: it tells no value of the node's labels.
 */
export function unmetDemand(demands: NodeDemands, node: DemandedNode): [PlacementFilter, string] | null {
  const { constraints, architectures } = demands;
  if (architectures.length > 0 && !architectures.includes(node.architecture)) {
    const has = node.architecture === "" ? "the node has not said its own" : `the node is ${node.architecture}`;
    return ["architecture", `${architectures.join(" or ")} is demanded, ${has}`];
  }
  const unmet = constraints.find((constraint) => !satisfies(node.labels, constraint));
  if (unmet === undefined) return null;
  const { key } = unmet;
  const has = Object.hasOwn(node.labels, key) ? `the node's ${key} does not meet it` : `the node has no ${key}`;
  return ["constraint", `${constraintText(unmet)} is demanded, ${has}`];
}

/** The texts of its constraints, as people read and write them. */
export const constraintTexts = ({ constraints }: NodeDemands): string[] => constraints.map(constraintText);
