import type { Scenario } from "../../src/scenario/scenario.ts";

export const cutIn: Scenario = {
  title:
    "A host hears nothing, but is heard: it kills its copy, and the leader sees that its acknowledgements do not arrive",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`${home.name} hears nothing`, () => home.cutOneWay("in"));
    await story.endOn(home, "web", story.policy.leaseMs + story.policy.killMs, "within L + K");
    await story.failOverLater(2 * story.policy.leaseMs, "at most 2 L later than after a death", "web");
    await story.mend(`${home.name} hears again`, () => home.heal());
    await story.settle();
  },
};
