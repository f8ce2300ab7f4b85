import type { SeededRandom } from "@lormas/chance/seeded-random.ts";
import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { Wish } from "../fleet/wish.ts";
import { CONTROL_PLANE_SCENES } from "./control-plane-scenes.ts";
import type { CueName } from "./cue.ts";
import type { Fault, FaultKind } from "./fault.ts";
import { OPERATOR_SCENES } from "./operator-scenes.ts";
import { PROOF_SCENES } from "./proof-scenes.ts";
import { REPEAT_SCENES } from "./repeat-scenes.ts";
import { RULE_SCENES } from "./rule-scenes.ts";

/** One fault of a scene: when after the scene's beginning, and for how long, both in leases. */
export type Act = {
  readonly kind: FaultKind;
  readonly after: readonly [number, number];
  readonly lasts: readonly [number, number];
  /** From then on it waits for this moment of its victim, and comes in it. */
  readonly on?: CueName;
  /** For so much longer, where something else than the lease decides on it. */
  readonly plusMs?: number;
  /** Which of the scene's victims; most scenes have one. */
  readonly victim?: number;
  readonly wish?: Wish;
  /** How bad; anything where it is not said. */
  readonly severity?: readonly [number, number];
};

/** Faults that are dangerous together and would rarely meet by chance. */
const SCENES = {
  "control plane down": [{ kind: "crash coordinators", after: [0, 0], lasts: [0.3, 6] }],
  "a node cut off from a dead control plane": [
    { kind: "crash coordinators", after: [0, 1], lasts: [1, 6] },
    { kind: "cut node", after: [0, 2], lasts: [0.5, 5] },
  ],
  "a node dies with the control plane": [
    { kind: "crash coordinators", after: [0, 0.5], lasts: [1, 6] },
    { kind: "power off", after: [0, 0.5], lasts: [1, 8] },
  ],
  "late duplicates": [
    { kind: "duplicate heartbeats", after: [0, 0], lasts: [3, 8] },
    { kind: "slow link", after: [0, 1], lasts: [1, 3] },
    { kind: "cut node from coordinator", after: [0.5, 3], lasts: [0.5, 3] },
  ],
  "acknowledgements on their way": [
    { kind: "slow link", after: [0, 0], lasts: [1, 3], severity: [0.4, 1] },
    { kind: "cut node", after: [0.3, 2.5], lasts: [2, 5] },
    { kind: "slow link", after: [0, 0], lasts: [1, 3], severity: [0.4, 1], victim: 1 },
    { kind: "cut node one way", after: [0.3, 2.5], lasts: [2, 5], victim: 1 },
  ],
  "two nodes hear each other alone": [
    { kind: "crash coordinators", after: [0, 0.3], lasts: [0.6, 2] },
    { kind: "cut node from coordinators", after: [0, 1.2], lasts: [3, 7] },
    { kind: "cut node from coordinators", after: [0, 1.2], lasts: [3, 7], victim: 1 },
  ],
  "a voter reboots while it is asked": [
    { kind: "cut node from coordinators", after: [0, 0.2], lasts: [2, 5] },
    { kind: "power off", after: [0.4, 1.1], lasts: [0.01, 0.1], victim: 1 },
    { kind: "power off", after: [0.4, 1.1], lasts: [0.01, 0.1], victim: 2 },
    { kind: "crash agent", after: [0.4, 1.1], lasts: [0, 0], victim: 1 },
  ],
  "an agent restarts between votes": [
    { kind: "crash coordinators", after: [0, 0], lasts: [1, 6] },
    { kind: "crash agent", after: [0.2, 2], lasts: [0, 0] },
    { kind: "crash agent", after: [0.2, 2], lasts: [0, 0], victim: 1 },
    { kind: "cut node", after: [0, 2], lasts: [0.5, 3], victim: 2 },
  ],
  "a start across a deadline": [
    { kind: "slow engine", after: [0, 0.5], lasts: [1, 4] },
    { kind: "wish", wish: "create", after: [0, 1], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0, 1], lasts: [0, 0] },
    { kind: "cut node", after: [0.2, 1.5], lasts: [0.8, 4] },
    { kind: "crash agent", after: [0.2, 3], lasts: [0, 0] },
  ],
  "a policy changes while nodes are cut off": [
    { kind: "cut node", after: [0, 1], lasts: [0.5, 4] },
    { kind: "change policy", after: [0, 2], lasts: [0, 0] },
    { kind: "change policy", after: [1, 5], lasts: [0, 0], victim: 1 },
    { kind: "cut node from coordinator", after: [0, 3], lasts: [0.5, 4], victim: 2 },
  ],
  "a stop overtakes a start": [
    { kind: "stop engine", after: [0, 0.3], lasts: [0.2, 2] },
    { kind: "wish", wish: "create", after: [0, 0.2], lasts: [0, 0] },
    { kind: "wish", wish: "restart", after: [0, 0.5], lasts: [0, 0] },
    { kind: "wish", wish: "stop", after: [0.1, 1], lasts: [0, 0] },
    { kind: "wish", wish: "migrate", after: [0.1, 1], lasts: [0, 0] },
    { kind: "crash agent", after: [0.1, 1.5], lasts: [0, 0] },
  ],
  "a late goodbye": [
    { kind: "slow link", after: [0, 0.1], lasts: [0.5, 2] },
    { kind: "leave", after: [0.05, 0.5], lasts: [0, 3] },
    { kind: "power off", after: [0.1, 1.5], lasts: [0.1, 2] },
  ],
  "a takeover meets a commit": [
    { kind: "slow database", after: [0, 0.2], lasts: [1, 4] },
    { kind: "pause leader", after: [0.1, 1], lasts: [1, 6] },
    { kind: "wish", wish: "migrate", after: [0, 1], lasts: [0, 0] },
    { kind: "cut node", after: [0, 1], lasts: [0.5, 3] },
    { kind: "cut coordinator from database", after: [0.1, 2], lasts: [0.5, 4], victim: 1 },
  ],
  "the guard dies near the deadline": [
    { kind: "cut node", after: [0, 0], lasts: [0.8, 3] },
    { kind: "crash guard", after: [0.4, 1.1], lasts: [0, 0] },
    { kind: "pause guard", after: [0.4, 1.1], lasts: [0.1, 1] },
  ],
  "voters come and go": [
    { kind: "power off", after: [0, 1], lasts: [2, 6] },
    { kind: "power off", after: [0, 4], lasts: [2, 6], victim: 1 },
    { kind: "split network", after: [1, 4], lasts: [0.5, 3], victim: 2 },
    { kind: "crash leader", after: [0, 4], lasts: [0.1, 1] },
  ],
  ...RULE_SCENES,
  ...PROOF_SCENES,
  ...CONTROL_PLANE_SCENES,
  ...OPERATOR_SCENES,
  ...REPEAT_SCENES,
} as const satisfies Readonly<Record<string, readonly Act[]>>;

export type SceneName = keyof typeof SCENES;
export const SCENE_NAMES = Object.keys(SCENES) as SceneName[]; // Its own keys.

const namesOf = (scenes: object): readonly SceneName[] => SCENE_NAMES.filter((name) => Object.hasOwn(scenes, name));

/** Where none are named, so many are of each kind; the last share is any. */
const SHARES: readonly { readonly share: number; readonly names: readonly SceneName[] }[] = [
  { share: 0.17, names: namesOf(CONTROL_PLANE_SCENES) },
  { share: 0.12, names: namesOf(OPERATOR_SCENES) },
  { share: 0.05, names: namesOf(REPEAT_SCENES) },
  { share: 1, names: SCENE_NAMES },
];

/**
 * Draws one scene, of those named or of all, that begins at a moment; only faults of the kinds that may be drawn are in it. Its victims
 * follow each other, so that they are different ones.
 */
export function drawScene(
  random: SeededRandom,
  atMs: number,
  policy: LeasePolicy,
  kinds: readonly FaultKind[],
  names: readonly SceneName[] | null,
): Fault[] {
  const name = random.oneOf(names ?? drawnShare(random));
  if (name === undefined) return [];
  const first = random.below(1_000);
  const acts: readonly Act[] = SCENES[name];
  return acts.flatMap(({ kind, after, lasts, plusMs = 0, on, victim = 0, wish, severity = [0, 1] }) => {
    const fault: Fault = {
      atMs: atMs + random.between(...after) * policy.leaseMs,
      kind,
      pick: first + victim,
      lastsMs: random.between(...lasts) * policy.leaseMs + plusMs,
      severity: random.between(...severity),
      ...(on === undefined ? {} : { on }),
      ...(wish === undefined ? {} : { wish }),
    };
    return kinds.includes(kind) ? [fault] : [];
  });
}

function drawnShare(random: SeededRandom): readonly SceneName[] {
  let drawn = random.next();
  const found = SHARES.find(({ share }) => {
    drawn -= share;
    return drawn < 0;
  });
  return found?.names ?? SCENE_NAMES;
}
