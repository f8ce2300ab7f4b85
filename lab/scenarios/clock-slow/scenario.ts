import type { Scenario } from "../../src/scenario/scenario.ts";

export const clockSlow: Scenario = {
  title: "The clock of a host is 4 % slow, and its cable is cut: it still kills before another host starts a copy",
  clocks: true,
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`the clock of ${home.name} shows 0.96 s a second`, () => home.setClockRate(0.96));
    await story.runOn(10_000, "web");
    await story.fault(`the cable of ${home.name} is cut`, () => home.cut());
    await story.endOn(
      home,
      "web",
      (story.policy.leaseMs + story.policy.killMs) / 0.96,
      "within L + K by its own clock",
    );
    await story.failOver("web");
    await story.mend(`cable and clock of ${home.name} are right again`, () => home.heal());
    await story.settle();
  },
};
