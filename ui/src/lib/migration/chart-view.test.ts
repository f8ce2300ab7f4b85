import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Migration, MigrationOutcome, MigrationSchema } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { describe, expect, test } from "vitest";
import { outerStates, substates, tallLayout, wideLayout } from "./chart-layout.ts";
import { wayPath } from "./chart-path.ts";
import { chartView } from "./chart-view.ts";

type Step = readonly [string, number, number?];
const migration = (steps: readonly Step[], rest: MessageInitShape<typeof MigrationSchema>): Migration =>
  create(MigrationSchema, {
    containerName: "web",
    sourceNodeName: "node-1",
    outcome: MigrationOutcome.RUNNING,
    steps: steps.map(([name, from, to]) => ({
      name,
      startedAt: timestampFromMs(from),
      ...(to === undefined ? {} : { endedAt: timestampFromMs(to) }),
    })),
    ...rest,
  });
const lit = (view: ReturnType<typeof chartView>) => view.states.filter((state) => state.lit).map(({ state }) => state);
const visited = (view: ReturnType<typeof chartView>) =>
  view.states.filter((state) => state.visited).map(({ state }) => state);

describe("the statechart of a migration", () => {
  test("lights idle when nothing moves", () => {
    expect(lit(chartView(undefined, 0))).toEqual(["idle"]);
    expect(chartView(undefined, 0).ways.every(({ taken }) => !taken)).toBe(true);
  });

  test("lights the present state, marks the visited ones and counts the time in each", () => {
    const view = chartView(
      migration(
        [
          ["choosing", 0, 40],
          ["fencing", 40, 2_440],
          ["preparing", 2_440],
        ],
        { state: "preparing" },
      ),
      3_000,
    );
    expect(lit(view)).toEqual(["preparing"]);
    expect(visited(view)).toEqual(["choosing", "fencing", "preparing", "idle"]);
    const spent = Object.fromEntries(view.states.map(({ state, spent }) => [state, spent]));
    expect(spent).toMatchObject({ choosing: "40 ms", fencing: "2.4 s", preparing: "560 ms", starting: "", idle: "" });
  });

  test("draws the way that was taken, one that it did not foresee too", () => {
    const view = chartView(
      migration(
        [
          ["choosing", 0, 1],
          ["verifying", 1, 2],
          ["rolling_back", 2, 3],
        ],
        {
          state: "failed",
          outcome: MigrationOutcome.FAILED,
        },
      ),
      9,
    );
    expect(view.ways.filter(({ taken }) => taken).map(({ from, to }) => `${from}>${to}`)).toEqual([
      "idle>choosing",
      "choosing>verifying",
      "verifying>rolling_back",
      "rolling_back>failed",
    ]);
    expect(lit(view)).toEqual(["failed"]);
  });

  test("does not go on counting when it has ended", () => {
    const view = chartView(
      migration([["choosing", 1_000]], {
        state: "failed",
        outcome: MigrationOutcome.FAILED,
        endedAt: timestampFromMs(1_500),
      }),
      99_000,
    );
    expect(view.states.find(({ state }) => state === "choosing")?.spentMs).toBe(500);
  });

  test("stays at the last state it knows when a newer coordinator invents one", () => {
    expect(
      lit(
        chartView(
          migration(
            [
              ["choosing", 0, 1],
              ["blessing", 1],
            ],
            { state: "blessing" },
          ),
          2,
        ),
      ),
    ).toEqual(["choosing"]);
  });

  test("is told in a sentence", () => {
    expect(
      chartView(migration([["stopping_source", 0]], { state: "stopping_source", targetNodeName: "node-2" }), 1)
        .sentence,
    ).toBe("Moving web from node-1 to node-2: stopping source.");
  });
});

describe.each([
  ["wide", wideLayout],
  ["tall", tallLayout],
])("the %s layout", (_, layout) => {
  const boxes = Object.entries(layout.states);

  test("keeps every state inside the chart and the substates inside their frame", () => {
    for (const [name, { x, y, width, height }] of boxes) {
      expect(x >= 0 && y >= 0 && x + width <= layout.width && y + height <= layout.height, name).toBe(true);
      const { migrating } = layout;
      const inside =
        x > migrating.x &&
        y > migrating.y &&
        x + width < migrating.x + migrating.width &&
        y + height < migrating.y + migrating.height;
      expect(inside, name).toBe((substates as readonly string[]).includes(name));
    }
    expect(boxes).toHaveLength(substates.length + outerStates.length);
  });

  test("lets no two states overlap", () => {
    for (const [index, [name, a]] of boxes.entries()) {
      for (const [other, b] of boxes.slice(index + 1)) {
        const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
        expect(apart, `${name} and ${other}`).toBe(true);
      }
    }
  });

  test("has a path of finite numbers between any two states", () => {
    const all = boxes.map(([, box]) => box);
    for (const [from, a] of boxes) {
      for (const [to, b] of boxes)
        if (from !== to) expect(wayPath(a, b, all), `${from} to ${to}`).toMatch(/^M[\d. MLCHV,-]+$/);
    }
  });
});
