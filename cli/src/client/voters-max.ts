/** Voters of a group; members of one that large ask its voters and are none themselves. */
export const votersMax = 9;
