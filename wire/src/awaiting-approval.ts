/**
 * Trailer of the answer to Enrol of a node that waits to be let in, whose status is UNAVAILABLE: agents that do not know it ask again
 * as they do whenever a coordinator is away.
 */
export const AWAITING_APPROVAL_TRAILER = "lormas-awaiting-approval";
