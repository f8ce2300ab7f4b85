import type { Scenario } from "../../src/scenario/scenario.ts";

export const clockStepped: Scenario = {
  title: "The clock of a host jumps ahead by a lease: at most one copy runs",
  clocks: true,
  course: "any",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`the clock of ${home.name} jumps 5 s ahead`, () => home.stepClock(5_000));
    await story.pass(20_000);
    await story.settle();
  },
};
