/** The states of a migration, as the API names them, in the order in which they are drawn. */
export const substates = [
  "queued",
  "choosing",
  "fencing",
  "preparing",
  "stopping_source",
  "transferring",
  "starting",
  "verifying",
  "committing",
  "cleaning_up",
  "rolling_back",
] as const;

/** The states before and after. */
export const outerStates = ["idle", "completed", "failed", "cancelled"] as const;

/** Every state of the chart. */
export type ChartState = (typeof substates)[number] | (typeof outerStates)[number];

/** A box; x and y are its upper left corner, in the chart's own units (one unit is one CSS pixel at full size). */
export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** Where everything of a chart stands. */
export type ChartLayout = {
  readonly width: number;
  readonly height: number;
  /** The box around the substates. */
  readonly migrating: Box;
  readonly states: Readonly<Record<ChartState, Box>>;
};

/** The ways that are drawn even when this migration did not take them; others appear when they are taken. */
export const knownWays: readonly (readonly [ChartState, ChartState])[] = [
  ["idle", "queued"],
  ["queued", "choosing"],
  ["choosing", "fencing"],
  ["choosing", "preparing"],
  ["fencing", "preparing"],
  ["preparing", "stopping_source"],
  ["preparing", "starting"],
  ["stopping_source", "transferring"],
  ["transferring", "starting"],
  ["starting", "verifying"],
  ["verifying", "committing"],
  ["committing", "cleaning_up"],
  ["cleaning_up", "completed"],
  ["rolling_back", "failed"],
  ["rolling_back", "cancelled"],
];

const boxWidth = 130;
const boxHeight = 48;

/** For panels of at least 880 px: two rows of steps, rolling back below, the ends at the right. */
export const wideLayout: ChartLayout = (() => {
  const column = (index: number) => 140 + index * 146;
  const box = (x: number, y: number, width = boxWidth): Box => ({ x, y, width, height: boxHeight });
  return {
    width: 1020,
    height: 324,
    migrating: { x: 120, y: 8, width: 754, height: 308 },
    states: {
      idle: box(4, 56, 76),
      queued: box(column(0), 56),
      choosing: box(column(1), 56),
      fencing: box(column(2), 56),
      preparing: box(column(3), 56),
      stopping_source: box(column(4), 56),
      transferring: box(column(0), 160),
      starting: box(column(1), 160),
      verifying: box(column(2), 160),
      committing: box(column(3), 160),
      cleaning_up: box(column(4), 160),
      rolling_back: { ...box(column(0), 256, column(4) - column(0) + boxWidth), height: 40 },
      completed: box(908, 160, 108),
      failed: { ...box(908, 232, 108), height: 36 },
      cancelled: { ...box(908, 280, 108), height: 36 },
    },
  };
})();

/** For phones and narrow panels: one column from top to bottom, rolling back along its right side. */
export const tallLayout: ChartLayout = (() => {
  const row = (index: number) => 92 + index * 60;
  const box = (y: number): Box => ({ x: 44, y, width: 156, height: 44 });
  return {
    width: 320,
    height: 764,
    migrating: { x: 12, y: 60, width: 304, height: 632 },
    states: {
      idle: { x: 44, y: 4, width: 156, height: 36 },
      queued: box(row(0)),
      choosing: box(row(1)),
      fencing: box(row(2)),
      preparing: box(row(3)),
      stopping_source: box(row(4)),
      transferring: box(row(5)),
      starting: box(row(6)),
      verifying: box(row(7)),
      committing: box(row(8)),
      cleaning_up: box(row(9)),
      rolling_back: { x: 224, y: row(0), width: 80, height: row(9) - row(0) + 44 },
      completed: { x: 12, y: 716, width: 104, height: 44 },
      failed: { x: 126, y: 716, width: 88, height: 44 },
      cancelled: { x: 224, y: 716, width: 92, height: 44 },
    },
  };
})();
