import type { Scenario } from "../../src/scenario/scenario.ts";

export const slow: Scenario = {
  title: "The line of a host is so slow that packets queue for seconds, for a minute: at most one copy runs",
  course: "any",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`the line of ${home.name} is slow`, () => home.slow());
    await story.pass(60_000);
    await story.mend(`the line of ${home.name} is good again`, () => home.heal());
    await story.settle();
  },
};
