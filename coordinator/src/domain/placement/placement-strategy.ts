/**
 * Which of several nodes that are equal otherwise takes a container: the one that keeps most of its scarcest resource free, or
 * the one that keeps least, so that others stay empty and can be switched off or take something large.
 */
export type PlacementStrategy = "spread" | "binpack";
