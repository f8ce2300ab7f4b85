import type { Scenario } from "../../src/scenario/scenario.ts";

export const guardKilled: Scenario = {
  title: "A guard is killed: its agent starts another one, and its container never notices",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`SIGKILL for the guard of ${home.name}`, () => home.guard.kill());
    await story.runOn(15_000, "web");
    await story.settle();
  },
};
