import type { Scenario } from "../../src/scenario/scenario.ts";

export const agentStopped: Scenario = {
  title: "An agent is held: its guard kills at the deadline, and another host takes over",
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`SIGSTOP for the agent of ${home.name}`, () => home.agent.stop());
    await story.endOn(home, "web", story.policy.leaseMs + story.policy.killMs, "within L + K");
    await story.failOver("web");
    await story.mend(`the agent of ${home.name} goes on`, () => home.agent.continue());
    await story.settle();
  },
};
