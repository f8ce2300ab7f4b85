/** How far a rotation of the fleet's certificate authority has come; "steady": none is under way. */
export type RotationPhase = "steady" | "trusting" | "issuing" | "closing";

/** A node that is away is waited for as long as this after a rotation began; ms. */
export const AWAY_MAX_MS = 7 * 86_400_000;
/** A phase that takes longer than this stands still; ms. */
export const STALLED_MS = 3_600_000;

/** A rotation as it is stored. Authorities go by the SHA-256 of their certificates, hex; times are wall clock, ms. */
export type Rotation = {
  readonly phase: RotationPhase;
  /** Who vouches for the fleet. */
  readonly currentId: string;
  /** Who is to; null: nobody else. */
  readonly nextId: string | null;
  /** Rises by one with every change of this record. */
  readonly revision: number;
  readonly phaseSinceMs: number;
  /** Of the last one, where none is under way; null: there was none. */
  readonly startedAtMs: number | null;
  readonly startedBy: string;
  /** Ids of nodes that it goes on without. */
  readonly leftBehind: readonly string[];
};

/** What is known of a node that is enrolled and not revoked. */
export type RotationNode = {
  readonly id: string;
  readonly name: string;
  readonly clusterId: string;
  /** False: it is dead, or has never served. */
  readonly living: boolean;
  /** Whom it trusts by its last word, and whose its certificate is; null: its agent has never said. */
  readonly report: { readonly trusted: readonly string[]; readonly issuer: string } | null;
};

/** A coordinator that was seen lately, and the revision by which it serves. */
export type RotationCoordinator = { readonly name: string; readonly revision: number };

/** Somebody whom a rotation waits for. */
export type RotationBlocker = {
  readonly kind: "node" | "coordinator";
  readonly id: string;
  readonly name: string;
  /** Null for a coordinator. */
  readonly clusterId: string | null;
  readonly reason: string;
};

export type RotationJudgement = {
  /** The phase that may begin now; null: it waits. */
  readonly next: Exclude<RotationPhase, "trusting"> | null;
  readonly blockers: readonly RotationBlocker[];
  /** Nodes that would have to enrol again if it ended now. */
  readonly mustEnrolAgain: readonly RotationNode[];
  readonly trusting: number;
  readonly using: number;
};

/**
 * Whether a rotation may go on. Nothing is issued by the new authority before every node that is waited for trusts it, and coordinators
 * show nothing of it before every such node has a certificate of it: until then a node that was away finds its way back.
 */
export function judgeRotation(
  rotation: Rotation,
  nodes: readonly RotationNode[],
  coordinators: readonly RotationCoordinator[],
  nowMs: number,
): RotationJudgement {
  const { phase, currentId, nextId } = rotation;
  const wanted = nextId ?? currentId;
  const trusts = ({ report }: RotationNode): boolean => report?.trusted.includes(wanted) ?? false;
  const uses = (node: RotationNode): boolean => trusts(node) && node.report?.issuer === wanted;
  const counts = { trusting: nodes.filter(trusts).length, using: nodes.filter(uses).length };
  if (phase === "steady" || nextId === null) return { next: null, blockers: [], mustEnrolAgain: [], ...counts };
  const mustEnrolAgain = nodes.filter((node) => !uses(node));
  const isDone = phase === "trusting" ? trusts : uses;
  const waitedFor =
    phase === "closing" ? [] : nodes.filter((node) => !isDone(node) && isWaitedFor(rotation, node, nowMs));
  const behind = coordinators.filter(({ revision }) => revision < rotation.revision);
  const blockers = [...waitedFor.map((node) => nodeBlocker(rotation, node)), ...behind.map(coordinatorBlocker)];
  const following = { trusting: "issuing", issuing: "closing", closing: "steady" } as const;
  return { next: blockers.length === 0 ? following[phase] : null, blockers, mustEnrolAgain, ...counts };
}

/** Whether what a node said last is what it should say under this rotation; the other ones are asked to renew. */
export function isUpToDate({ phase, currentId, nextId }: Rotation, report: RotationNode["report"]): boolean {
  if (report === null) return false;
  const trusted = nextId === null ? [currentId] : [currentId, nextId];
  const issuer = nextId !== null && (phase === "issuing" || phase === "closing") ? nextId : currentId;
  const same = report.trusted.length === trusted.length && trusted.every((id) => report.trusted.includes(id));
  return same && report.issuer === issuer;
}

/** Whether a rotation has been in one phase for so long that somebody should look. */
export function isStalled({ phase, phaseSinceMs }: Rotation, nowMs: number): boolean {
  return phase !== "steady" && nowMs - phaseSinceMs >= STALLED_MS;
}

function isWaitedFor({ leftBehind, startedAtMs }: Rotation, { id, living }: RotationNode, nowMs: number): boolean {
  if (leftBehind.includes(id)) return false;
  return living || nowMs - (startedAtMs ?? nowMs) < AWAY_MAX_MS;
}

function nodeBlocker({ phase, startedAtMs }: Rotation, node: RotationNode): RotationBlocker {
  const { id, name, clusterId, living, report } = node;
  const lacks =
    phase === "trusting" ? "does not trust the new authority yet" : "has no certificate of the new authority yet";
  // A stored moment written out: no clock is read here.
  const until = new Date((startedAtMs ?? 0) + AWAY_MAX_MS).toISOString();
  const reason = !living
    ? `is away and ${lacks}: it is waited for until ${until}; start its agent, or leave it behind`
    : report === null
      ? "has an agent that knows of no rotation: update the agent, or leave the node behind"
      : `${lacks}: it is asked again and again; look into its agent's log`;
  return { kind: "node", id, name, clusterId, reason };
}

function coordinatorBlocker({ name }: RotationCoordinator): RotationBlocker {
  const reason =
    "has not taken up this phase yet: it does so within seconds unless it hangs, and is forgotten 30 s after it ended";
  return { kind: "coordinator", id: name, name, clusterId: null, reason };
}
