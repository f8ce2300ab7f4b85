import type { Scenario } from "../../src/scenario/scenario.ts";

export const lossy: Scenario = {
  title: "A host loses a fifth of its packets, both ways, for a minute: at most one copy runs",
  course: "any",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`${home.name} loses 20 % of its packets`, () => home.lossy(0.2));
    await story.pass(60_000);
    await story.mend(`the line of ${home.name} is good again`, () => home.heal());
    await story.settle();
  },
};
