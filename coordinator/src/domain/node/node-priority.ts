/** Of a node that nobody has given another; between 0 and NODE_PRIORITY_MAX, the lower the more it is preferred. */
export const NODE_PRIORITY_DEFAULT = 10;
export const NODE_PRIORITY_MAX = 20;

/**
 * One step outweighs what room counts, and a node that comes and goes falls back by two steps at most. All of them together
 * stay below what another cluster costs.
 */
const POINTS_PER_STEP = 200;

/** What placement adds to the node's score: nothing at the default, less than nothing above it. */
export function priorityPoints(priority: number): number {
  return (NODE_PRIORITY_DEFAULT - priority) * POINTS_PER_STEP;
}
