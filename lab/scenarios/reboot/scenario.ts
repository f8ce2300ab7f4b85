import type { Scenario } from "../../src/scenario/scenario.ts";

export const reboot: Scenario = {
  title: "A host is switched off and on at once, before it is declared dead: the stale copy is gone, and one runs",
  course: "any",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`the power of ${home.name} goes and comes back`, async () => {
      await home.powerOff();
      await home.powerOn();
    });
    await story.runsAgain("web", 20_000);
    await story.settle();
  },
};
