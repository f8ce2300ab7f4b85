import type { Scenario } from "../../src/scenario/scenario.ts";

export const cableCut: Scenario = {
  title: "A host's cable is cut: it kills its copy by itself before another host starts one",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`the cable of ${home.name} is cut`, () => home.cut());
    await story.endOn(home, "web", story.policy.leaseMs + story.policy.killMs, "within L + K");
    await story.failOver("web");
    await story.mend(`the cable of ${home.name} is back`, () => home.heal());
    await story.settle();
  },
};
