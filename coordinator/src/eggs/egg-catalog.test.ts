import { afterAll, beforeAll, expect, test } from "vitest";
import type { Clock } from "../runtime/clock.ts";
import { readEggs, writeEggs } from "../store/egg-rows.ts";
import { type TestDatabase, testDatabase } from "../store/test-database.ts";
import { BUILT_IN_EGGS } from "./built-in-eggs.ts";
import { helloHttp } from "./builtin/hello-http.ts";
import { EggCatalog } from "./egg-catalog.ts";
import { seedEggs } from "./seed-eggs.ts";

const clock: Clock = { bootMs: () => 0, wallMs: () => 1_000, schedule: () => () => {} };
let own: TestDatabase;
beforeAll(async () => {
  own = await testDatabase();
});
afterAll(() => own.drop());

test("seeding twice, and from two coordinators at once, leaves each built-in egg once and whole", async () => {
  const { database } = own;
  await Promise.all([seedEggs(database, clock), seedEggs(database, clock)]);
  await seedEggs(database, clock);
  const listed = await new EggCatalog(database).list();
  expect(listed.map(({ definition }) => definition)).toEqual([...BUILT_IN_EGGS].sort((a, b) => (a.id < b.id ? -1 : 1)));
  expect(listed.find(({ definition }) => definition.id === "postgres")?.categoryName).toBe("Databases");
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
  const catalog = new EggCatalog(database);
  expect(await catalog.find("hello-http")).toEqual({ definition: helloHttp, builtIn: true, categoryName: "Web" });
  expect(await catalog.find("own")).toEqual({ definition: foreign, builtIn: false, categoryName: "Mine" });
});

test("no more eggs are read than asked for", async () => {
  expect(await readEggs(own.database, 1)).toHaveLength(1);
});

test("an egg that is not there is null", async () => {
  expect(await new EggCatalog(own.database).find("nope")).toBeNull();
});
