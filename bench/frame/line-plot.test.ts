import { expect, test } from "vitest";
import { axisTicks, type LinePlot, svgOf } from "./line-plot.ts";

const plot: LinePlot = {
  name: "growth",
  title: "CPU < memory & more",
  xLabel: "agents",
  yLabel: "% of a core",
  series: [
    {
      name: "coordinator",
      points: [
        { x: 1_000, y: 10 },
        { x: 10_000, y: 100 },
      ],
    },
    { name: "echo", points: [{ x: 1_000, y: 5 }] },
  ],
};

test("every point is drawn, the greatest at the end of both axes, and zero at their beginning", () => {
  const svg = svgOf(plot);
  expect(svg.match(/<circle /g)).toHaveLength(3);
  expect(svg).toContain('<polyline points="125.0,252.8 620.0,44.0"');
  expect(svg).toContain('<polyline points="125.0,264.4"');
  expect(svg).toContain("CPU &lt; memory &amp; more");
});

test.each([
  [10_000, [0, 2_000, 4_000, 6_000, 8_000, 10_000]],
  [100, [0, 20, 40, 60, 80, 100]],
  [0.3, [0, 0.1, 0.2, 0.3]],
  [7, [0, 2, 4, 6, 8]],
  [0, [0, 1]],
])("an axis up to %d has round marks", (max, marks) => {
  expect(axisTicks(max)).toEqual(marks);
});

test("a plot without points is refused", () => {
  expect(() => svgOf({ ...plot, series: [] })).toThrow("plot growth: there is nothing to draw");
});
