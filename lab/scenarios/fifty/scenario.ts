import type { Scenario } from "../../src/scenario/scenario.ts";

export const fifty: Scenario = {
  title: "A host with a third of fifty containers loses its power: all run elsewhere",
  course: "any",
  tell: async (story) => {
    const names = Array.from({ length: 50 }, (_, index) => `web-${index + 1}`);
    await story.runs(...names);
    const home = story.home("web-1");
    const lost = names.filter((name) => story.home(name).name === home.name);
    await story.fault(`the power of ${home.name} goes`, () => home.powerOff());
    await story.failOverLater(20_000, "within its bound and 20 s", ...lost);
    await story.mend(`${home.name} is switched on`, () => home.powerOn());
    await story.settle();
  },
};
