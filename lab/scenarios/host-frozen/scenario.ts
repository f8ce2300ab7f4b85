import type { Scenario } from "../../src/scenario/scenario.ts";

export const hostFrozen: Scenario = {
  title: "A whole host is frozen past W and thawed: its old copy is killed within K of the thaw",
  // docs/fencing.md: not covered without a hardware watchdog; the guard is in time again within K.
  overlap: { maxMs: 1_000, because: "at most K after the thaw" },
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`${home.name} is frozen`, () => home.freeze());
    await story.failOver("web");
    await story.mend(`${home.name} is thawed`, () => home.thaw());
    await story.settle();
  },
};
