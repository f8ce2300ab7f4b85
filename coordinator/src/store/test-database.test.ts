import { afterEach, expect, test } from "vitest";
import { CategoryEntity } from "./entities/workload-entities.ts";
import { type TestDatabase, testDatabase } from "./test-database.ts";

const made: TestDatabase[] = [];
afterEach(async () => {
  for (const one of made.splice(0)) await one.drop();
});
const fresh = async (): Promise<TestDatabase> => {
  const one = await testDatabase();
  made.push(one);
  return one;
};

test("two test databases are migrated, empty and do not see each other", async () => {
  const [a, b] = [await fresh(), await fresh()];
  const em = a.database.orm.em.fork();
  em.create(CategoryEntity, { id: "web", name: "Web" });
  await em.flush();
  expect(await a.database.orm.em.fork().count(CategoryEntity)).toBe(1);
  expect(await b.database.orm.em.fork().count(CategoryEntity)).toBe(0);
});

test("a dropped test database is gone", async () => {
  const a = await testDatabase();
  await a.drop();
  expect(await a.database.ping()).toBe(false);
});
