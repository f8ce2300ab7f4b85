import type { Scenario } from "../../src/scenario/scenario.ts";

export const coordinatorKilled: Scenario = {
  title: "The coordinator is killed: nothing is stopped, and nothing is moved when it is back",
  course: "one",
  tell: async (story) => {
    await story.runs("web");

    await story.fault("SIGKILL for the coordinator", () => story.lab.coordinator.kill());
    await story.runOn(20_000, "web");
    await story.mend("the coordinator is started", () => story.lab.coordinator.start());
    await story.settle();
  },
};
