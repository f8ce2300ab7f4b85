import type { Scenario } from "../../src/scenario/scenario.ts";

export const flapping: Scenario = {
  title: "The cable of a host is cut and back ten times: at most one copy runs",
  course: "any",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");

    for (let time = 1; time <= 10; time += 1) {
      await story.fault(`the cable of ${home.name} is cut, for ${time} s`, () => home.cut());
      await story.pass(time * 1_000);
      await story.mend("it is back, for 2 s", () => home.heal());
      await story.pass(time * 1_000 + 2_000);
    }
    await story.settle();
  },
};
