import type { Scenario } from "../../src/scenario/scenario.ts";

/** The control experiment: with nobody left who enforces, the witness must see two copies, or its silence means nothing. */
export const positiveControl: Scenario = {
  title: "Guard and agent are both held, so nobody enforces the lease: the witness sees two copies",
  overlap: { minMs: 2_000, maxMs: 60_000, because: "nobody enforces: this is the control experiment" },
  course: "one",
  tell: async (story) => {
    await story.runs("web");
    const home = story.home("web");
    await story.fault(`guard and agent of ${home.name} are stopped, its cable is cut`, () => {
      home.guard.stop();
      home.agent.stop();
      home.cut();
    });
    await story.failOver("web");
    await story.runBoth("web", 5_000);
    await story.mend(`guard and agent of ${home.name} go on, the cable is back`, () => home.heal());
    await story.settle();
  },
};
