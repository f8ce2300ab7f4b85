import type { Story } from "./story.ts";

/** One story that real hosts live through: what is done to them, and what must come of it. */
export type Scenario = {
  /** One sentence: the promise that is put to the test. */
  readonly title: string;
  /** Hosts with an agent; 3 when absent. */
  readonly hosts?: number;
  /** True when it drives clocks. */
  readonly clocks?: boolean;
  /** How long two copies may run at once, all in all; absent: not for a moment. */
  readonly overlap?: OverlapAllowance;
  /**
   * "one": every run takes the same course, and the log shows what coordinator and witness saw of it. "any": chance has a
   * part in it, and the log shows what must hold for every course alone.
   */
  readonly course: "one" | "any";
  readonly tell: (story: Story) => Promise<void>;
};

export type OverlapAllowance = {
  readonly minMs?: number;
  readonly maxMs: number;
  /** Why, as the log says it. */
  readonly because: string;
};
