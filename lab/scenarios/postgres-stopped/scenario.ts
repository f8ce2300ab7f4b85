import type { Scenario } from "../../src/scenario/scenario.ts";

export const postgresStopped: Scenario = {
  title: "PostgreSQL is held past the leader's lease: nothing is stopped and nothing is moved",
  course: "one",
  tell: async (story) => {
    await story.runs("web");

    await story.fault("SIGSTOP for PostgreSQL", () => story.lab.postgres.stop());
    await story.runOn(25_000, "web");
    await story.mend("PostgreSQL goes on", () => story.lab.postgres.continue());
    await story.settle();
  },
};
