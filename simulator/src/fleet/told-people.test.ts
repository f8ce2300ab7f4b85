import { expect, test } from "vitest";
import { ToldPeople } from "./told-people.ts";

test("people rely on the newest wish that was acknowledged, and on none while a newer one is open", () => {
  const told = new ToldPeople();
  const stop = told.wants("c", "stopped");
  expect(told.desired("c")).toBeNull();
  stop();
  expect(told.desired("c")).toBe("stopped");
  const start = told.wants("c", "running");
  stop();
  expect(told.desired("c")).toBeNull();
  start();
  expect(told.desired("c")).toBe("running");
});
