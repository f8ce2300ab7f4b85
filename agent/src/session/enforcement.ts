/** This process's own hands over the HA containers of its node: one of agent and guard alive is enough. */
export type Enforcement = {
  /** Freezes them all, so that what comes late runs nothing, and kills them; called again and again while there is no lease. */
  kill(): void;
  /** What comes into being may run again: a lease holds. False when that could not be done, and has to be tried again. */
  thaw(): boolean;
};
