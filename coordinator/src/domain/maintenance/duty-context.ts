/** A container that a drain has to do with and that has not left yet, or, on the way back, has not returned yet. */
export type DrainItem = {
  readonly containerId: string;
  readonly name: string;
  /** moving: its migration is under way. waiting: it goes by itself once something has passed. blocked: `message` is in the way. */
  readonly state: "moving" | "waiting" | "blocked";
  /** What blocks: "no_target", "data_stays_behind", "migration_failed"; empty when nothing does. */
  readonly code: string;
  /** For people: the blocker, or what is waited for. */
  readonly message: string;
  /** Migrations that failed. */
  readonly attempts: number;
  /** When it is tried again at the latest, wall clock, ms; null: when something changes. */
  readonly retryAt: number | null;
  /** True when the migration under way is this drain's own. */
  readonly own: boolean;
};

/** A container that this drain has moved away. */
export type MovedContainer = {
  readonly containerId: string;
  readonly name: string;
  /** Its migrations so far when it had left: another number later means that something else has moved it since. */
  readonly lastMove: number;
  /** The number of the migration that brings it back; 0 before that begins. */
  readonly returnMove: number;
  /** Migrations back that failed. */
  readonly attempts: number;
};

/** What one look at the node's containers has found. */
export type DrainSurvey = {
  readonly items: readonly DrainItem[];
  /** Those that have left by this drain; on the way back, those that have not returned yet. */
  readonly moved: readonly MovedContainer[];
  /** Standard containers, by name: they stay. */
  readonly staying: readonly string[];
  /** HA containers that do not run, by name: nothing of them is in the way. */
  readonly resting: readonly string[];
};

/** What one node's duty knows. Plain data: it is the persisted snapshot. Times are wall clock, ms. */
export type DutyContext = {
  readonly id: string;
  readonly name: string;
  /** Since when it is in its state; null: it has always been in service. */
  readonly since: number | null;
  /** Who asked for it. */
  readonly by: string;
  /** The drain leads to maintenance. */
  readonly maintenance: boolean;
  /** When maintenance ends by itself; null: when somebody ends it. */
  readonly until: number | null;
  /** What this maintenance has moved away returns at its end. */
  readonly failback: boolean;
  /** How many have left since the drain began, by whatever migration. */
  readonly left: number;
} & DrainSurvey;

export type DutyInput = Pick<DutyContext, "id" | "name">;

/** What a node's duty hears. `at` is the wall clock, ms. */
export type DutyEvent = { readonly at: number } & (
  | { readonly type: "CORDON"; readonly by: string }
  | { readonly type: "UNCORDON"; readonly by: string }
  | { readonly type: "DRAIN"; readonly by: string }
  | { readonly type: "MAINTAIN"; readonly by: string; readonly until: number | null; readonly failback: boolean }
  | { readonly type: "END_MAINTENANCE"; readonly by: string }
  /** The containers were looked at, and those that could go were sent. */
  | { readonly type: "LOOKED"; readonly survey: DrainSurvey; readonly leftNow: number }
  | { readonly type: "DEADLINE"; readonly due: number }
);

export type DutyEffect =
  | { readonly kind: "schedulable"; readonly value: boolean }
  /** Look at the node's containers, send those that can go, and say LOOKED. */
  | { readonly kind: "look" }
  /** It is in service again; when its node is still dead, that is an alarm from now on. */
  | { readonly kind: "inService" }
  | {
      readonly kind: "event";
      readonly type: string;
      readonly severity: "info" | "warning";
      readonly message: string;
      readonly data?: Readonly<Record<string, unknown>>;
    };

export const NOTHING_LEFT: DrainSurvey = { items: [], moved: [], staying: [], resting: [] };

/** When the duty wants to be woken, wall clock, ms: the end of its maintenance, or the next try of what is blocked. */
export function dutyDeadline(context: DutyContext): number | null {
  const moments = context.items.map(({ retryAt }) => retryAt).filter((at) => at !== null);
  if (context.until !== null) moments.push(context.until);
  return moments.length === 0 ? null : Math.min(...moments);
}
