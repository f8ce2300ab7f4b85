import type { Scenario } from "../../src/scenario/scenario.ts";

export const cutOut: Scenario = {
  title: "Nobody hears a host, but it hears: it kills its copy before another host starts one",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`nobody hears ${home.name}`, () => home.cutOneWay("out"));
    await story.endOn(home, "web", story.policy.leaseMs + story.policy.killMs, "within L + K");
    await story.failOver("web");
    await story.mend(`${home.name} is heard again`, () => home.heal());
    await story.settle();
  },
};
