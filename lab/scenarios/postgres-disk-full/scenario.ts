import type { Scenario } from "../../src/scenario/scenario.ts";

export const postgresDiskFull: Scenario = {
  title: "The disk of the control plane is full: nothing is stopped and nothing is moved",
  course: "one",
  tell: async (story) => {
    await story.runs("web");

    await story.fault("the disk of the control plane is full", () => story.lab.control.fillDisk());
    await story.runOn(25_000, "web");
    await story.mend("there is room again", () => story.lab.control.disk.empty());
    await story.settle();
  },
};
