import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import { LEASE_PROFILES, type LeasePolicy } from "@lormas/lease/lease-policy.ts";
import { FAULT_KINDS, type Fault, type FaultKind } from "../faults/fault.ts";
import { FaultHands } from "../faults/fault-hands.ts";
import { faultPlan } from "../faults/fault-plan.ts";
import type { SceneName } from "../faults/scene.ts";
import { Operator } from "../fleet/operator.ts";
import type { RunCounts } from "../fleet/run-counts.ts";
import { SimulatedFleet } from "../fleet/simulated-fleet.ts";
import type { LogLine } from "../report/run-log.ts";
import { restProblems } from "./rest-check.ts";
import { policyOfSeed, STORY_POLICIES, type StoryPolicyName } from "./story-policies.ts";

export type StoryOptions = {
  readonly seed: number;
  readonly nodes: number | "random";
  readonly profile: StoryPolicyName | "random";
  readonly kinds: readonly FaultKind[];
  /** These scenes alone, one after another; null: whatever the seed draws. */
  readonly scenes: readonly SceneName[] | null;
  /** One of these befalls a node for good; null: in some runs something does. */
  readonly lasting: readonly FaultKind[] | null;
  /** Keeps a log with its digest; what happens is the same without. */
  readonly logged: boolean;
  /** Plays these faults of the seed's plan, by their place in it; null plays all. */
  readonly keep: readonly number[] | null;
};

export type StoryOutcome = {
  readonly seed: number;
  readonly profile: string;
  /** The promise that was broken; null: none was. */
  readonly violation: string | null;
  readonly plan: readonly Fault[];
  readonly simulatedMs: number;
  readonly events: number;
  /** How long after the last fault everything was as it should be. */
  readonly healedMs: number;
  readonly counts: RunCounts;
  readonly faults: Readonly<Record<string, number>>;
  readonly digest: string;
  readonly lines: readonly LogLine[];
};

/** Nodes are enrolled, they vote, and the first containers run before anything goes wrong. */
const CALM_MS = 8_000;
/** Of seeds: those in which things go wrong from the very start, before the nodes vote or even before they are enrolled. */
const HASTY = 0.25;
const HASTY_CALM_MS = [300, 2_000] as const;
const FAULTS_MS = 112_000;
const FIRST_CONTAINERS = 10;
/** Whoever wants the first containers asks again when nobody leads. */
const ASK_AGAIN_MS = 200;
/** Fleets of chance: two voters, and majorities of odd and even numbers of them. */
const NODES_MIN = 1;
const NODES_MAX = 6;
/** What operators change a policy to. */
const OTHER_POLICIES: readonly LeasePolicy[] = [LEASE_PROFILES.fast, LEASE_PROFILES.default, LEASE_PROFILES.large];
const LEADER_TTLS_MS = [3_000, 5_000, 15_000] as const;
/** A fleet without faults is looked at this often, and must be at rest within the bound. */
const LOOK_MS = 1_000;
const REST_BOUND_MS = 180_000;

/** Plays one seed from its first event to its rest, or to the first promise that is broken. */
export async function runStory(options: StoryOptions): Promise<StoryOutcome> {
  const { seed, nodes, kinds, scenes, lasting, logged, keep } = options;
  const policy = policyOf(options);
  const calmMs = calmOf(seed);
  const healMs = calmMs + FAULTS_MS;
  const plan = faultPlan(new SeededRandom(seed, "plan"), {
    fromMs: calmMs,
    untilMs: healMs,
    kinds,
    scenes,
    lasting,
    policy,
  });
  const fleet = new SimulatedFleet({
    seed,
    nodes: nodes === "random" ? NODES_MIN + (Math.abs(seed) % (NODES_MAX - NODES_MIN + 1)) : nodes,
    policy,
    otherPolicies: plan.some(({ kind }) => kind === "change policy") ? OTHER_POLICIES : [],
    leaderTtlMs: LEADER_TTLS_MS[Math.abs(seed) % LEADER_TTLS_MS.length] ?? LEADER_TTLS_MS[0],
    logged,
  });
  const operator = new Operator(fleet);
  const hands = new FaultHands(fleet, operator);
  for (const coordinator of fleet.coordinators) coordinator.start();
  operator.enrolAll();
  const create = (): void => {
    if (fleet.leader()) operator.create();
    else fleet.time.after(ASK_AGAIN_MS, "operator", "create", create);
  };
  for (let number = 0; number < FIRST_CONTAINERS; number++) {
    fleet.time.after(calmMs / 2 + number * 50, "operator", "create", create);
  }
  hands.schedule(keep === null ? plan : keep.flatMap((index) => plan[index] ?? []));
  await fleet.run(healMs);
  hands.healAll();
  let problems: string[] = ["nobody has looked yet"];
  while (problems.length > 0 && fleet.violation === null && fleet.time.nowMs() < healMs + REST_BOUND_MS) {
    await fleet.run(fleet.time.nowMs() + LOOK_MS);
    problems = restProblems(fleet, operator, hands.lost);
  }
  const healedMs = fleet.time.nowMs() - healMs;
  if (problems.length > 0)
    fleet.fail(`not at rest ${REST_BOUND_MS / 1_000} s after the last fault: ${problems.join("; ")}`);
  fleet.countUp();
  return {
    seed,
    profile: policy.profile,
    violation: fleet.violation,
    plan,
    simulatedMs: fleet.time.nowMs(),
    events: fleet.time.events,
    healedMs,
    counts: fleet.counts,
    faults: Object.fromEntries(FAULT_KINDS.map((kind) => [kind, hands.done.get(kind) ?? 0])),
    digest: logged ? fleet.log.digest() : "",
    lines: fleet.log.lines,
  };
}

function calmOf(seed: number): number {
  const random = new SeededRandom(seed, "calm");
  return random.chance(HASTY) ? random.between(...HASTY_CALM_MS) : CALM_MS;
}

function policyOf({ seed, profile }: StoryOptions): LeasePolicy {
  if (profile !== "random") return STORY_POLICIES[profile];
  return policyOfSeed(seed);
}
