import type { Scenario } from "../../src/scenario/scenario.ts";

export const dockerdKilled: Scenario = {
  title: "A Docker engine is killed: its container runs on, and runs once when the engine is back",
  course: "any",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`SIGKILL for dockerd of ${home.name}`, () => home.dockerd.kill());
    await story.runOn(15_000, "web");
    await story.mend(`dockerd of ${home.name} is started`, () => home.dockerd.start());
    await story.settle();
  },
};
