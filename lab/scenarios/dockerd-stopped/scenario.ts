import type { Scenario } from "../../src/scenario/scenario.ts";

export const dockerdStopped: Scenario = {
  title: "A Docker engine is held and goes on: at most one copy runs, and one runs in the end",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`SIGSTOP for dockerd of ${home.name}`, () => home.dockerd.stop());
    await story.pass(20_000);
    await story.mend(`dockerd of ${home.name} goes on`, () => home.dockerd.continue());
    await story.settle();
  },
};
