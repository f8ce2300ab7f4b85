import type { Scenario } from "../../src/scenario/scenario.ts";

export const agentKilled: Scenario = {
  title: "An agent is killed: its guard starts it again, and its container never notices",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`SIGKILL for the agent of ${home.name}`, () => home.agent.kill());
    await story.runOn(15_000, "web");
    await story.settle();
  },
};
