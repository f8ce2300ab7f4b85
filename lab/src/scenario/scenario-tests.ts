import { join } from "node:path";
import { expect, test } from "vitest";
import { repository } from "../repository.ts";
import { play } from "./play.ts";
import type { Scenario } from "./scenario.ts";

/** A test a scenario, by the name of its folder: plays it, and holds its log against the one that every run must have. */
export function testScenarios(scenarios: Readonly<Record<string, Scenario>>): void {
  test.each(Object.entries(scenarios))("%s", async (folder, scenario) => {
    const { log, figures } = await play(scenario);
    console.log(folder, JSON.stringify(figures));
    await expect(log).toMatchFileSnapshot(join(repository, "lab/scenarios", folder, "expected.log"));
  });
}
