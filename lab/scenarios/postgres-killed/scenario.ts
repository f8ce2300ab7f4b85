import type { Scenario } from "../../src/scenario/scenario.ts";

export const postgresKilled: Scenario = {
  title: "PostgreSQL is killed: nothing is stopped and nothing is moved",
  course: "one",
  tell: async (story) => {
    await story.runs("web");

    await story.fault("SIGKILL for PostgreSQL", () => story.lab.postgres.kill());
    await story.runOn(20_000, "web");
    await story.settle();
  },
};
