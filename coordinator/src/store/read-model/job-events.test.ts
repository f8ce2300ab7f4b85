import { expect, test } from "vitest";
import { isOfJob, type JobSpan } from "./job-events.ts";

const containerId = "00000000-0000-4000-8000-000000000001";
const moment = (ms: number) => new Date(1_764_500_000_000 + ms);
const event = (sequence: number) => ({ sequence, at: moment(sequence), containerId });
const job = (span: Partial<JobSpan>): JobSpan => ({
  ...{ containerId, createdAt: moment(3), endedAt: null, eventsAfter: null, eventsThrough: null },
  ...span,
});
const log = (span: JobSpan) => [1, 2, 3, 4, 5, 6].filter((sequence) => isOfJob(event(sequence), span));

test("a job's log lies between its two events, and goes on while it is under way", () => {
  expect(log(job({ eventsAfter: 2, eventsThrough: 5 }))).toEqual([3, 4, 5]);
  expect(log(job({ eventsAfter: 2 }))).toEqual([3, 4, 5, 6]);
  expect(log(job({ eventsAfter: 6, eventsThrough: 6 }))).toEqual([]);
});

test("that of a job of before its events were kept lies between its moments", () => {
  expect(log(job({ endedAt: moment(4) }))).toEqual([3, 4]);
  expect(log(job({}))).toEqual([3, 4, 5, 6]);
});

test("what happened to another container, or to none, is of no job of this one", () => {
  const whole = job({ eventsAfter: 0 });
  expect(isOfJob({ ...event(3), containerId: "00000000-0000-4000-8000-000000000002" }, whole)).toBe(false);
  expect(isOfJob({ ...event(3), containerId: null }, whole)).toBe(false);
});
