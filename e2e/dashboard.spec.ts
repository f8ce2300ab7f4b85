import { existsSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { Fleet } from "./fleet/fleet.ts";
import { copiesOf } from "./fleet/fleet-processes.ts";

const chromium = process.env["LORMAS_CHROMIUM"] ?? "/usr/bin/chromium";
/** A folder in which every page is kept as a picture, for people to look at; undefined: none is taken. */
const SCREENSHOTS = process.env["LORMAS_SCREENSHOTS"];
const password = "correct horse battery staple";

test.describe.configure({ mode: "serial" });
test.skip(
  !existsSync(chromium) && process.env["LORMAS_TEST_REQUIRE"] !== "1",
  `no Chromium at ${chromium}: install it, or set LORMAS_CHROMIUM to its path`,
);

let fleet: Fleet;
/** One page for all: signed in once, and never loaded anew where a test says so. */
let page: Page;
test.beforeAll(async ({ browser }) => {
  fleet = await Fleet.up({ environment: { LORMAS_PROFILE: "fast" } });
  const context = await browser.newContext({ baseURL: fleet.httpUrl, viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
  page.on("pageerror", (error) => pageErrors.push(error.message));
});
test.afterAll(async () => {
  await page?.context().close();
  await fleet?.dispose();
});

const pageErrors: string[] = [];
test.afterEach(() => expect(pageErrors).toEqual([]));

async function signIn(secret: string): Promise<void> {
  await page.getByLabel("E-mail address").fill("admin@lormas.local");
  await page.getByLabel("Password").fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// Scripts for the page are text: this side has no document, and no types of one.
/** Marks the document; the mark is gone after a reload. */
const mark = () => page.evaluate('document.documentElement.setAttribute("data-e2e", "1")');
const isMarked = () => page.evaluate<boolean>('document.documentElement.hasAttribute("data-e2e")');

/** A link of the main navigation. */
const room = (name: string) => page.getByRole("navigation", { name: "Main" }).getByRole("link", { name });

/** Notes every state of the statechart that is lit from now on, in order, without repeats in a row. */
async function noteLitStates(): Promise<() => Promise<string[]>> {
  await page.evaluate(`{
    const seen = (window.litStates = []);
    const look = () => {
      for (const state of document.querySelectorAll('[data-testid^="migration-state-"][data-lit="true"]')) {
        const name = state.dataset.testid.replace("migration-state-", "");
        if (seen.at(-1) !== name) seen.push(name);
      }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
    look();
  }`);
  return () => page.evaluate<string[]>("window.litStates");
}

test("the first password opens nothing but the change of it, and the new one opens the fleet", async () => {
  const first = /Password {3}(\S+)/.exec(fleet.output)?.[1] ?? "";
  await page.goto("/containers");
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await signIn("not the password");
  await expect(page.getByRole("alert")).toBeVisible();
  await signIn(first);
  await expect(page).toHaveURL(/\/change-password/);
  await page.goto("/nodes");
  await expect(page).toHaveURL(/\/change-password/);
  await page.getByLabel("Current password").fill(first);
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByLabel("New password again").fill(password);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  await room("Nodes").click();
  for (const name of ["node-1", "node-2", "node-3"]) {
    await expect(page.getByRole("row", { name: new RegExp(`${name}.*healthy`, "s") })).toBeVisible();
  }
});

test("an HA container made on the page runs, survives the death of its node, and shows all of it live", async () => {
  await page.goto("/containers/new");
  await page.getByRole("radio", { name: "Hello over HTTP" }).check();
  await page.getByLabel("Name").fill("web");
  const ha = page.getByRole("switch", { name: "High availability" });
  await ha.uncheck();
  await expect(page.getByText("It stays on its node")).toBeVisible();
  await ha.check();
  await expect(page.getByText("never runs twice")).toBeVisible();
  await page.getByRole("button", { name: "Create container" }).click();
  await expect(page).toHaveURL(/\/containers\/[0-9a-f-]{36}$/);
  await expect(page.getByTestId("container-status")).toHaveText(/running/);
  const node = (await page.getByTestId("container-node").innerText()).trim();
  expect(node).toMatch(/^node-[123]$/);

  await mark();
  const litStates = await noteLitStates();
  await fleet.control.kill(node);
  await expect(page.getByTestId("container-node")).not.toHaveText(node, { timeout: 30_000 });
  await expect(page.getByTestId("container-status")).toHaveText(/running/);
  await expect(page.getByTestId("migration-state-completed")).toHaveAttribute("data-lit", "true");
  const lit = await litStates();
  expect(lit.at(-1)).toBe("completed");
  // Some states last a millisecond; the start and the health check of the new copy do not.
  expect(lit.length).toBeGreaterThanOrEqual(3);
  expect(["starting", "verifying"].some((state) => lit.includes(state))).toBe(true);
  await expect(page.getByTestId("migration-state-fencing")).toHaveAttribute("data-visited", "true");
  expect(await isMarked()).toBe(true);
  const now = (await page.getByTestId("container-node").innerText()).trim();
  expect(copiesOf(fleet.processes(), "web").map(({ environment }) => environment.get("LORMAS_NODE"))).toEqual([now]);
});

test("the migrate button asks first, then moves the container while the page looks on", async () => {
  const from = (await page.getByTestId("container-node").innerText()).trim();
  await page.getByRole("button", { name: "Migrate" }).click();
  const dialog = page.getByRole("alertdialog");
  await expect(dialog).toContainText("without service");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(dialog).toBeHidden();
  expect((await fleet.rest().get("/api/v1/migrations")).body["migrations"]).toHaveLength(1);

  const target = (await fleet.api().nodes.listNodes({})).nodes.find(
    ({ name, status }) => name !== from && status === 2,
  )?.name;
  await page.getByRole("button", { name: "Migrate" }).click();
  const option = dialog.getByRole("option", { name: new RegExp(String(target)) });
  await dialog.getByLabel("Target node").selectOption(await option.getAttribute("value"));
  await dialog.getByRole("button", { name: "Migrate" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId("container-node")).toHaveText(String(target));
  await expect(page.getByTestId("container-status")).toHaveText(/running/);
  await expect(page.getByRole("table", { name: "Migration history" }).getByRole("row")).toHaveCount(3);
  expect(await isMarked()).toBe(true);
});

test("a coordinator that was killed is back on the open page by itself", async () => {
  process.kill(await fleet.childPid("coordinator"), "SIGKILL");
  await expect(page.getByTestId("connection-state")).toHaveAttribute("data-state", /reconnecting|stale/);
  await expect(page.getByTestId("connection-state")).toHaveAttribute("data-state", "live", { timeout: 60_000 });
  await fleet.createRunning("later");
  await room("Containers").click();
  await expect(page.getByRole("row", { name: /later.*running/s })).toBeVisible();
  expect(await isMarked()).toBe(true);
});

/** The node that a test has put into maintenance. */
let maintained = "";

test("a node is put into maintenance from its page, and says what stands in the way", async () => {
  // More than half of a node each, so that none of them fits beside another.
  const { nodes } = await fleet.api().nodes.listNodes({});
  const cpuMillis = Math.floor(((nodes[0]?.capacity?.cpuMillis ?? 0) * 3) / 5);
  for (const name of ["big-1", "big-2", "big-3"]) {
    await fleet.cli("container", "create", name, "--egg", "hello-http", "--ha", "--cpu", `${cpuMillis}m`);
  }
  await room("Alerts").click();
  const alert = page.getByTestId("alert-n_plus_one_lost").first();
  await expect(alert).toContainText("N+1 does not hold in local");
  await alert.getByRole("button", { name: "Take it on" }).click();
  await expect(alert).toContainText("taken on by session:admin@lormas.local");

  const big = (await fleet.api().containers.getContainer({ id: "big-1" })).container;
  maintained = String(big?.nodeName);
  await room("Nodes").click();
  await page.getByRole("link", { name: maintained }).first().click();
  await page.getByRole("button", { name: "Maintenance", exact: true }).click();
  const dialog = page.getByRole("alertdialog", { name: `Put ${maintained} into maintenance?` });
  await dialog.getByLabel("Minutes until it is in service again by itself").fill("30");
  await dialog.getByRole("button", { name: "Maintenance" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("row", { name: /big-\d.*blocked.*no node can take big-\d/s })).toBeVisible();
  expect(await isMarked()).toBe(true);
});

for (const [colorScheme, width] of [
  ["light", 1280],
  ["dark", 1280],
  ["light", 375],
  ["dark", 375],
] as const) {
  test(`${colorScheme} at ${width} px: no serious fault of accessibility, nothing wider than the screen`, async () => {
    test.setTimeout(300_000);
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height: 800 });
    const { containers } = await fleet.api().containers.listContainers({});
    const { nodes } = await fleet.api().nodes.listNodes({});
    const { migrations } = await fleet.api().migrations.listMigrations({});
    const pages = {
      overview: "/",
      nodes: "/nodes",
      node: `/nodes/${nodes.find(({ name }) => name === maintained)?.id}`,
      "what-if": "/nodes/what-if",
      clusters: "/clusters",
      containers: "/containers",
      container: `/containers/${containers.find(({ name }) => name === "web")?.id}`,
      "new-container": "/containers/new",
      migrations: "/migrations",
      migration: `/migrations/${migrations[0]?.id}`,
      alerts: "/alerts",
    };
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(path);
      await expect(page.locator("main h1").first(), name).toBeVisible();
      await expect(page.locator("main"), name).toHaveAttribute("data-freshness", "live");
      if (SCREENSHOTS) {
        await page.screenshot({ path: join(SCREENSHOTS, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      }
      // No frames here: without them one page is enough to look with.
      const axe = new AxeBuilder({ page }).setLegacyMode(true).options({ resultTypes: ["violations"] });
      const { violations } = await axe.analyze();
      const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      expect(serious.map(({ id, nodes: [first] }) => `${name}: ${id}: ${first?.html}`)).toEqual([]);
      const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
      expect(overflow, `${name} is wider than the screen`).toBeLessThanOrEqual(0);
    }
    // The phone's bar is fixed, so that what does not fit there is cut instead of making the page wider.
    for (const narrow of [width, 320]) {
      await page.setViewportSize({ width: narrow, height: 800 });
      for (const name of ["Overview", "Nodes", "Clusters", "Containers", "Migrations", "Alerts"]) {
        const box = await room(name).boundingBox();
        expect(box && box.x >= 0 && box.x + box.width <= narrow, `${name} is outside of ${narrow} px`).toBe(true);
      }
    }
  });
}

test("the maintenance is ended from the node's page", async () => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await room("Nodes").click();
  await page.getByRole("link", { name: maintained }).first().click();
  await page.getByRole("button", { name: "End maintenance" }).click();
  const dialog = page.getByRole("alertdialog", { name: `End the maintenance of ${maintained}?` });
  await dialog.getByRole("button", { name: "End maintenance" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("button", { name: "Cordon", exact: true })).toBeVisible();
});

test("signing out shuts the pages", async () => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto("/");
  await page.getByRole("button", { name: /Account and appearance/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  await page.goto("/containers");
  await expect(page).toHaveURL(/\/sign-in/);
});
