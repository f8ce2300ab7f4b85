import { create } from "@bufbuild/protobuf";
import { JobProgressSchema, JobResultSchema } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { describe, expect, test } from "vitest";
import { progressText, resultText } from "./job-words.ts";

describe("what is said of a job", () => {
  test.each([
    { progress: { step: "stopping_source", stepsDone: 2, stepsTotal: 7 }, text: "stopping source, step 3 of 7" },
    { progress: { step: "running", stepsDone: 3, stepsTotal: 3 }, text: "running, step 3 of 3" },
    { progress: { step: "rolling_back", stepsDone: 2, stepsTotal: 0 }, text: "rolling back" },
    { progress: { step: "" }, text: "" },
  ])("how far it has come: $text", ({ progress, text }) => {
    expect(progressText(create(JobProgressSchema, progress))).toBe(text);
  });

  const moved = { reached: "running", nodeId: "n", nodeName: "node-2", sourceNodeName: "node-1" };
  test.each([
    { result: { reached: "stopped" }, text: "stopped" },
    { result: { ...moved }, text: "running on node-2" },
    { result: { ...moved, nodeName: "" }, text: "running on n" },
    {
      result: { ...moved, sourceNodeId: "m", downtimeMs: 412n },
      text: "running on node-2, from node-1, 412 ms without service",
    },
    { result: { ...moved, sourceNodeId: "n" }, text: "running on node-2" },
  ])("what it came to: $text", ({ result, text }) => {
    expect(resultText({ result: create(JobResultSchema, result) })).toBe(text);
  });

  test("nothing is made up where nothing is kept", () => {
    expect([progressText(undefined), resultText({ result: undefined })].join("")).toBe("");
  });
});
