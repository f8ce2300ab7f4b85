import type { Scenario } from "../../src/scenario/scenario.ts";

export const rebootAfterFailover: Scenario = {
  title: "A host comes back after its containers have moved: the stale copies on its disk are removed, none starts",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    await story.runs("shop");
    const home = story.home("web");
    await story.fault(`the power of ${home.name} goes`, () => home.powerOff());
    await story.failOver("web");
    await story.mend(`${home.name} is switched on`, async () => {
      await home.power.on();
      await home.dockerd.start();
      await story.holds(home, "web");
      await home.powerOn();
    });
    await story.settle();
  },
};
