import type { Scenario } from "../../src/scenario/scenario.ts";

export const powerOff: Scenario = {
  title: "A host loses its power: its container runs elsewhere within the bound",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`the power of ${home.name} goes`, () => home.powerOff());
    await story.failOver("web");
    await story.mend(`${home.name} is switched on`, () => home.powerOn());
    await story.settle();
  },
};
