import type { Scenario } from "../../src/scenario/scenario.ts";

export const dockerdStopped: Scenario = {
  title: "A Docker engine is held and goes on: its container never notices",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`SIGSTOP for dockerd of ${home.name}`, () => home.dockerd.stop());
    await story.runOn(20_000, "web");
    await story.mend(`dockerd of ${home.name} goes on`, () => home.dockerd.continue());
    await story.settle();
  },
};
