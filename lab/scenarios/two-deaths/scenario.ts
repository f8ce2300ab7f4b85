import type { Scenario } from "../../src/scenario/scenario.ts";

export const twoDeaths: Scenario = {
  title: "Two hosts die one after the other: the container fails over twice",
  hosts: 4,
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const first = story.home("web");
    await story.fault(`the power of ${first.name} goes`, () => first.powerOff());
    await story.failOver("web");
    await story.moved();
    await story.votersAre(3);
    const second = story.home("web");
    await story.fault(`the power of ${second.name} goes`, () => second.powerOff());
    await story.failOver("web");
    await story.mend("both are switched on", async () => {
      await first.powerOn();
      await second.powerOn();
    });
    await story.settle();
  },
};
