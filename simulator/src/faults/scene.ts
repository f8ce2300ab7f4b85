import type { LeasePolicy } from "@lormas/lease/lease-policy.ts";
import type { SeededRandom } from "../random/seeded-random.ts";
import type { Fault, FaultKind } from "./fault.ts";
import { type Act, SCENES, type SceneName } from "./scenes.ts";

export const SCENE_NAMES = Object.keys(SCENES) as SceneName[]; // Its own keys.

/**
 * Draws one scene, of those named, that begins at a moment; only faults of the kinds that may be drawn are in it. Its victims
 * follow each other, so that they are different ones.
 */
export function drawScene(
  random: SeededRandom,
  atMs: number,
  policy: LeasePolicy,
  kinds: readonly FaultKind[],
  names: readonly SceneName[],
): Fault[] {
  const name = random.oneOf(names);
  if (name === undefined) return [];
  const first = random.below(1_000);
  const acts: readonly Act[] = SCENES[name];
  return acts.flatMap(({ kind, after, lasts, on, victim = 0, wish, severity = [0, 1] }) => {
    const fault: Fault = {
      atMs: atMs + random.between(...after) * policy.leaseMs,
      kind,
      pick: first + victim,
      lastsMs: random.between(...lasts) * policy.leaseMs,
      severity: random.between(...severity),
      ...(on === undefined ? {} : { on }),
      ...(wish === undefined ? {} : { wish }),
    };
    return kinds.includes(kind) ? [fault] : [];
  });
}
