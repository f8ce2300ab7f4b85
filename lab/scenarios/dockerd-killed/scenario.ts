import type { Scenario } from "../../src/scenario/scenario.ts";

export const dockerdKilled: Scenario = {
  title: "A Docker engine is killed and started again: at most one copy runs, and one runs in the end",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`SIGKILL for dockerd of ${home.name}`, () => home.dockerd.kill());
    await story.pass(15_000);
    await story.mend(`dockerd of ${home.name} is started`, () => home.dockerd.start());
    await story.settle();
  },
};
