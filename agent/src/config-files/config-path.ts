/** One step of a path into a tree: a key, a place in a list, or every key and place that there is. */
export type PathStep = string | number | typeof EVERY;
export const EVERY = Symbol("every");

/** Steps that a path may have. */
export const PATH_STEPS_MAX = 32;

/**
 * "servers.*.address", "listeners[0].host". A "." or "~" within a key is written "~1" or "~0". Null for one that is empty or too
 * long.
 */
export function pathSteps(match: string): PathStep[] | null {
  const steps = match.split(".").flatMap((part): PathStep[] => {
    if (part === "*") return [EVERY];
    const [, key = "", places = ""] = /^(.*?)((?:\[\d{1,6}\])*)$/s.exec(part) ?? [];
    const own: PathStep[] = key === "" ? [] : [key.replaceAll("~1", ".").replaceAll("~0", "~")];
    return [...own, ...[...places.matchAll(/\[(\d+)\]/g)].map(([, place]) => Number(place))];
  });
  return steps.length === 0 || steps.length > PATH_STEPS_MAX ? null : steps;
}
