import type { Scenario } from "../../src/scenario/scenario.ts";

export const controlPlaneDead: Scenario = {
  title:
    "The machine of the control plane is dead for two minutes: nothing is stopped, and nothing is moved when it is back",
  course: "one",
  tell: async (story) => {
    await story.runs("web");

    await story.fault("the power of the control plane goes", () => story.lab.control.powerOff());
    await story.runOn(120_000, "web");
    await story.mend("the control plane is switched on", () => story.lab.control.powerOn());
    await story.settle();
  },
};
