import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { MigrationOutcome, MigrationSchema, MigrationTrigger } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { expect, test } from "vitest";
import { filterMigrations, fullerMigration, mergeMigrations } from "./migration-list.ts";

const migration = (id: string, asOf: bigint, startedMs = 0) =>
  create(MigrationSchema, { id, asOf, containerName: id, startedAt: timestampFromMs(startedMs) });

test("merged lists are newest first and hold the newer view of each", () => {
  const merged = mergeMigrations(
    [migration("a", 5n, 1), migration("b", 1n, 3)],
    [migration("a", 4n, 1), migration("c", 1n, 2)],
  );
  expect(merged.map(({ id, asOf }) => `${id}${asOf}`)).toEqual(["b1", "c1", "a5"]);
});

test("a newer view without steps or decision keeps those of the older one", () => {
  const full = create(MigrationSchema, {
    id: "a",
    asOf: 3n,
    state: "preparing",
    steps: [{ name: "choosing" }],
    decision: { summary: "s" },
  });
  const lean = create(MigrationSchema, { id: "a", asOf: 4n, state: "completed" });
  for (const merged of [fullerMigration(full, lean), fullerMigration(lean, full)]) {
    expect(merged).toMatchObject({ state: "completed", steps: [{ name: "choosing" }], decision: { summary: "s" } });
  }
  expect(fullerMigration(undefined, lean)).toBe(lean);
  expect(fullerMigration(undefined, undefined)).toBeUndefined();
});

test("a search finds every word in any part, within an outcome", () => {
  const all = [
    create(MigrationSchema, {
      id: "1",
      containerName: "web",
      targetNodeName: "node-2",
      outcome: MigrationOutcome.COMPLETED,
      trigger: MigrationTrigger.AUTO,
    }),
    create(MigrationSchema, {
      id: "2",
      containerName: "web",
      targetNodeName: "node-3",
      outcome: MigrationOutcome.FAILED,
      errorMessage: "Port is taken",
    }),
  ];
  const ids = (search: string, outcome: Parameters<typeof filterMigrations>[2]) =>
    filterMigrations(all, search, outcome).map(({ id }) => id);
  expect(ids("WEB taken", "all")).toEqual(["2"]);
  expect(ids("automatic", "all")).toEqual(["1"]);
  expect(ids("web", "completed")).toEqual(["1"]);
  expect(ids("", "all")).toEqual(["1", "2"]);
});
