import type { Scenario } from "../../src/scenario/scenario.ts";

export const coordinatorStopped: Scenario = {
  title: "The coordinator is held past its own lease: nothing is stopped, and nothing is moved when it goes on",
  course: "one",
  tell: async (story) => {
    await story.runs("web");

    await story.fault("SIGSTOP for the coordinator", () => story.lab.coordinator.stop());
    await story.runOn(25_000, "web");
    await story.mend("the coordinator goes on", () => story.lab.coordinator.continue());
    await story.settle();
  },
};
