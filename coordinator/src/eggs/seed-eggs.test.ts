import { afterAll, beforeAll, expect, test } from "vitest";
import type { Clock } from "../runtime/clock.ts";
import { writeEggs } from "../store/egg-rows.ts";
import { eggById, listEggs } from "../store/read-model/egg-readings.ts";
import { readSnapshot } from "../store/read-model/snapshot.ts";
import { type TestDatabase, testDatabase } from "../store/test-database.ts";
import { BUILT_IN_EGGS } from "./built-in-eggs.ts";
import { helloHttp } from "./builtin/hello-http.ts";
import { seedEggs } from "./seed-eggs.ts";

const clock: Clock = { bootMs: () => 0, wallMs: () => 1_000, schedule: () => () => {} };
let own: TestDatabase;
beforeAll(async () => {
  own = await testDatabase();
});
afterAll(() => own.drop());

const listed = (pageSize: number) =>
  readSnapshot(own.database.orm, (snapshot) => listEggs(snapshot, { pageSize, pageToken: "" }));
const found = (id: string) => readSnapshot(own.database.orm, (snapshot) => eggById(snapshot, id));

test("seeding twice, and from two coordinators at once, leaves each built-in egg once and whole", async () => {
  const { database } = own;
  await Promise.all([seedEggs(database, clock), seedEggs(database, clock)]);
  await seedEggs(database, clock);
  const { rows } = await listed(1_000);
  expect(rows.map(({ row }) => row.definition)).toEqual([...BUILT_IN_EGGS].sort((a, b) => (a.name < b.name ? -1 : 1)));
  expect(rows.find(({ row }) => row.id === "postgres")?.categoryName).toBe("Databases");
});

test("seeding brings a changed built-in egg back and leaves other eggs alone", async () => {
  const { database } = own;
  await seedEggs(database, clock);
  const foreign = { ...helloHttp, id: "own", categoryId: "mine" };
  const changed = { ...helloHttp, version: "0" };
  await writeEggs(database, [{ id: "mine", name: "Mine" }], [foreign, changed], {
    builtIn: false,
    updatedAt: new Date(0),
  });
  await seedEggs(database, clock);
  expect(await found("hello-http")).toMatchObject({
    row: { definition: helloHttp, builtIn: true },
    categoryName: "Web",
  });
  expect(await found("own")).toMatchObject({ row: { definition: foreign, builtIn: false }, categoryName: "Mine" });
});

test("no more eggs are read than asked for", async () => {
  expect((await listed(1)).rows).toHaveLength(1);
});

test("an egg that is not there is null", async () => {
  expect(await found("nope")).toBeNull();
});
