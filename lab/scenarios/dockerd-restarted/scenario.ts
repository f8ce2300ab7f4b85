import type { Scenario } from "../../src/scenario/scenario.ts";

export const dockerdRestarted: Scenario = {
  title: "A Docker engine is restarted in order, which ends its containers: one copy runs again",
  course: "any",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`dockerd of ${home.name} is restarted`, () => home.dockerd.restart());
    await story.runsAgain("web", 20_000);
    await story.settle();
  },
};
