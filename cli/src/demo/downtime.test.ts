import { describe, expect, it } from "vitest";
import { DowntimeMeter, type Sample } from "./downtime.ts";

/** One sample every 50 ms that takes 5 ms: "g" good, "b" bad. */
function samples(pattern: string): Sample[] {
  return [...pattern].map((mark, number) => ({
    number,
    sentMs: number * 50,
    endedMs: number * 50 + 5,
    good: mark === "g",
  }));
}

function measure(list: readonly Sample[], fromMs = 0): DowntimeMeter {
  const meter = new DowntimeMeter();
  meter.arm(fromMs);
  for (const sample of list) meter.add(sample);
  return meter;
}

describe("the downtime of a container", () => {
  it("counts from the last good answer to the first of three good ones", () => {
    const { outage } = measure(samples("gggbbbbggg"));
    expect(outage).toEqual({ kind: "over", lastGoodMs: 105, backMs: 355, downtimeMs: 250 });
  });

  it("is not over after two good answers", () => {
    expect(measure(samples("ggbbgg")).outage).toEqual({ kind: "away", lastGoodMs: 55 });
  });

  it("is not shortened by a good answer or two within the outage", () => {
    const { outage } = measure(samples("ggbbgbggbggg"));
    expect(outage).toMatchObject({ kind: "over", lastGoodMs: 55, backMs: 455, downtimeMs: 400 });
  });

  it("does not grow by what comes after it", () => {
    const meter = measure(samples("gbggg"));
    const before = meter.outage;
    for (const sample of samples("gbgggbbbbggg").slice(5)) meter.add(sample);
    expect(meter.outage).toEqual(before);
  });

  it("is none while every answer is good, and none before the first good one", () => {
    expect(measure(samples("ggggg")).outage).toEqual({ kind: "none" });
    expect(measure(samples("bbbbb")).outage).toEqual({ kind: "none" });
    expect(measure(samples("bbggg")).outage).toEqual({ kind: "none" });
  });

  it("does not begin with a failure before the kill", () => {
    expect(measure(samples("ggbgggggbbggg"), 300).outage).toMatchObject({ lastGoodMs: 355, downtimeMs: 150 });
    expect(measure(samples("ggbggg"), 300).outage).toEqual({ kind: "none" });
    const unarmed = new DowntimeMeter();
    for (const sample of samples("gbbggg")) unarmed.add(sample);
    expect(unarmed.outage).toEqual({ kind: "none" });
  });

  it("waits for requests that are still open before it judges later ones", () => {
    const list = samples("ggbbggg");
    const late = list[3] as Sample;
    const meter = measure(list.filter((sample) => sample !== late));
    expect(meter.outage).toEqual({ kind: "away", lastGoodMs: 55 });
    meter.add({ ...late, endedMs: 1150 });
    expect(meter.outage).toMatchObject({ kind: "over", backMs: 205, downtimeMs: 150 });
  });

  it("is the same in whatever order the requests end", () => {
    const list = samples("gggbbbggbbggg");
    const shuffled = [...list].sort((left, right) => ((left.number * 7) % 13) - ((right.number * 7) % 13));
    expect(measure(shuffled).outage).toEqual(measure(list).outage);
  });

  it("takes the moment of the answer, not of the request, as the last good one", () => {
    const [first, ...rest] = samples("gbggg");
    const { outage } = measure([{ ...(first as Sample), endedMs: 40 }, ...rest]);
    expect(outage).toMatchObject({ lastGoodMs: 40, backMs: 105, downtimeMs: 65 });
  });
});
