import type { Scenario } from "../../src/scenario/scenario.ts";

export const majorityLost: Scenario = {
  title: "Two of three hosts are cut at once: nothing can be proven, so nothing is moved",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");

    const others = story.others(home);
    await story.fault("the cables of the two other hosts are cut", () => {
      for (const host of others) host.cut();
    });
    await story.runOn(20_000, "web");
    await story.mend("the cables are back", async () => {
      for (const host of others) await host.heal();
    });
    await story.settle();
  },
};
