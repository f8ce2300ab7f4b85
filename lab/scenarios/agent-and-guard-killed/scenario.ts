import type { Scenario } from "../../src/scenario/scenario.ts";

export const agentAndGuardKilled: Scenario = {
  title: "Agent and guard are killed at once, and the host starts its agent again: at most one copy runs",
  course: "any",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`SIGKILL for agent and guard of ${home.name}`, () => home.killAgentAndGuard());
    await story.mend("the host starts its agent again after a second", async () => {
      await story.pass(1_000);
      home.agent.start();
    });
    await story.pass(15_000);
    await story.settle();
  },
};
