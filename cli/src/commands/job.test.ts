import { create } from "@bufbuild/protobuf";
import { JobProgressSchema, JobResultSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { expect, test } from "vitest";
import { resultText, stepText } from "./job.ts";

test("a job under way says its step, and how many there are where that is known", () => {
  const told = (step: string, stepsDone: number, stepsTotal: number) =>
    stepText(create(JobProgressSchema, { step, stepsDone, stepsTotal }));
  expect(told("stopping_source", 3, 9)).toBe("stopping source, 3 of 9 done");
  expect(told("rolling_back", 0, 0)).toBe("rolling back");
  expect(told("stopping", 0, 1)).toBe("stopping");
  expect([told("", 0, 2), stepText(undefined)]).toEqual(["", ""]);
});

test("a job that succeeded says what it came to, and where", () => {
  const told = (init: Parameters<typeof create<typeof JobResultSchema>>[1]) =>
    resultText(create(JobResultSchema, init));
  const there = { reached: "running", nodeId: "id-2", nodeName: "node-2", epoch: 4n };
  expect(told(there)).toBe("running on node-2 as epoch 4");
  expect(told({ ...there, sourceNodeId: "id-1", sourceNodeName: "node-1" })).toBe(
    "running on node-2 as epoch 4, from node-1",
  );
  expect(told({ reached: "stopped", nodeId: "id-9" })).toBe("stopped on id-9");
  expect([told({ reached: "removed" }), resultText(undefined)]).toEqual(["removed", ""]);
});
