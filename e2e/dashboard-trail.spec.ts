import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, type Page, type Response, test } from "@playwright/test";
import { answeringEgg } from "./fleet/answering-egg.ts";
import { Dashboard, hasContrastEverywhere, holdsEverywhere, noBrowser } from "./fleet/dashboard.ts";

test.describe.configure({ mode: "serial" });
test.skip(noBrowser !== "", noBrowser);

let dashboard: Dashboard;
let page: Page;
test.beforeAll(async ({ browser }) => {
  dashboard = await Dashboard.up(browser, { environment: { LORMAS_PROFILE: "fast" } });
  page = dashboard.page;
});
test.afterAll(() => dashboard?.dispose());
test.afterEach(async () => {
  expect(dashboard.takeErrors()).toEqual([]);
  await page.setViewportSize({ width: 1280, height: 800 });
});

const rows = (name: string) => page.getByRole("table", { name }).getByRole("row");

test("labels and priority are set on the node's page, and refused where they are wrong", async () => {
  await dashboard.open("/nodes");
  await page.getByRole("link", { name: "node-1" }).first().click();
  await page.getByLabel("Key").fill("zone");
  await page.getByLabel("Value").fill("to the east");
  await page.getByRole("button", { name: "Set the label" }).click();
  await expect(page.getByRole("alert")).toContainText("A value is empty, or made of");
  await page.getByLabel("Value").fill("east");
  await page.getByRole("button", { name: "Set the label" }).click();
  await expect(page.getByRole("list", { name: "Labels" })).toContainText("zone=east");
  await page.getByLabel(/^Priority/).fill("5");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  const node = async () => (await dashboard.fleet.api().nodes.getNode({ id: "node-1" })).node;
  await expect.poll(async () => (await node())?.priority).toBe(5);
  expect((await node())?.labels).toEqual({ zone: "east" });
  await holdsEverywhere(page, "node-detail");
  await page.getByRole("button", { name: "Take away the label zone" }).click();
  await expect(page.getByText("It has no label")).toBeVisible();
});

test("a host joins by the line that the page gives, while the page waits; then it is shut out and removed", async () => {
  await dashboard.open("/nodes?join");
  const dialog = page.getByRole("dialog", { name: "Join a node" });
  await dialog.getByLabel("Name").fill("node-1");
  await expect(dialog.getByRole("alert")).toContainText("A node of this name is there");
  await dialog.getByLabel("Name").fill("host-9");
  await dialog.getByLabel("Address").fill("127.0.1.9");
  await dialog.getByLabel("Runs containers with").selectOption("exec");
  await holdsEverywhere(page, "join");
  await dialog.getByRole("button", { name: "Make the line" }).click();
  await expect(dialog.getByTestId("join-state")).toContainText("waiting for host-9");
  await expect(dialog.getByText("Only the coordinator’s own machine reaches it")).toBeVisible();
  await holdsEverywhere(page, "join-line");

  // As somebody would paste it, but for the folder, which is root's.
  const line = (await dialog.getByTestId("join-line").innerText()).replace(
    "/var/lib/lormas-agent",
    join(dashboard.fleet.folder, "host-9"),
  );
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const runDir = join(dashboard.fleet.folder, "host-9-run");
  const agent = spawn("sh", ["-c", `exec env ${line.replaceAll("\\\n", " ")}`], {
    ...{ cwd, stdio: "ignore", detached: true },
    env: { ...process.env, LORMAS_PEER_LISTEN: "off", LORMAS_RUN_DIR: runDir, HOME: dashboard.fleet.folder },
  });
  try {
    await expect(dialog.getByTestId("join-state")).toContainText("host-9 has joined and takes containers", {
      timeout: 60_000,
    });
    await holdsEverywhere(page, "join-done");
    await dialog.getByRole("link", { name: "Open host-9" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "host-9" })).toBeVisible();

    await page.getByRole("button", { name: "Revoke" }).click();
    const revoke = page.getByRole("alertdialog", { name: "Revoke host-9?" });
    await holdsEverywhere(page, "node-revoke");
    await revoke.getByRole("button", { name: "Revoke" }).click();
    await expect(revoke).toBeHidden();
    await expect(page.getByText("revoked", { exact: true })).toBeVisible();
    await page.getByRole("button", { name: "Remove", exact: true }).click({ timeout: 60_000 });
    await page.getByRole("alertdialog", { name: "Remove host-9?" }).getByRole("button", { name: "Remove" }).click();
    await expect(page).toHaveURL(/\/nodes$/);
    await expect(page.getByTestId("node-row-node-1")).toBeVisible();
    await expect(page.getByTestId("node-row-host-9")).toHaveCount(0);
  } finally {
    if (agent.pid !== undefined) process.kill(-agent.pid, "SIGTERM");
  }
});

test("a container's console takes lines, brings back what was sent, finds what was printed, and its process is killed", async () => {
  const { containers, eggs } = dashboard.fleet.api();
  await eggs.importEgg({ content: JSON.stringify(answeringEgg("world")) });
  await containers.createContainer({ name: "world", eggId: "world" });
  await containers.createContainer({ name: "shop", eggId: "world" });
  await dashboard.open("/containers");
  await page.getByRole("link", { name: "world" }).first().click();
  await expect(page.getByTestId("container-status")).toHaveText(/running/);
  const output = page.getByRole("log", { name: "Output" });
  const line = page.getByLabel("Line to its standard input");
  await expect(output).toContainText("ready");
  await line.fill("say hello");
  await line.press("Enter");
  await expect(output).toContainText("got say hello");
  await expect(line).toHaveValue("");
  await line.fill("list");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(output).toContainText("got list");
  await line.fill("half a th");
  await line.press("ArrowUp");
  await line.press("ArrowUp");
  await expect(line).toHaveValue("say hello");
  await line.press("ArrowDown");
  await line.press("ArrowDown");
  await expect(line).toHaveValue("half a th");
  await holdsEverywhere(page, "console");
  await page.setViewportSize({ width: 1280, height: 800 });

  await page.getByLabel("Find in the output").fill("GOT SAY");
  await expect(output).not.toContainText("got list");
  await expect(output).toContainText("got say hello");
  await page.getByLabel("Find in the output").fill("no such thing");
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(output).toContainText("got list");

  const goTo = async (name: string) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Go to" }).fill(name);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1, name })).toBeVisible();
  };
  // What was typed for one container is not sent to another one, nor what was sent to one offered for another.
  await goTo("shop");
  await expect(line).toHaveValue("");
  await line.press("ArrowUp");
  await expect(line).toHaveValue("");
  await goTo("world");

  await page.getByRole("button", { name: "Kill" }).click();
  await expect(dashboard.dialog("Kill world?")).toContainText("what it has not written is lost");
  await dashboard.dialog("Kill world?").getByRole("button", { name: "Kill" }).click();
  await expect(page.getByTestId("container-status")).toHaveText(/stopped/);
  await expect(line).toBeDisabled();
  await expect(line).toHaveAccessibleDescription("It takes lines while it runs.");
});

test("jobs are followed as they run, filtered by the address, and lead to their container", async () => {
  const { containers } = dashboard.fleet.api();
  await dashboard.fleet.createRunning("web");
  await dashboard.fleet.createRunning("other");
  await dashboard.open("/jobs");
  await expect(page.getByTestId("job-create-web")).toContainText("done");
  await containers.stopContainer({ id: "web" });
  await expect(page.getByTestId("job-stop-web")).toContainText("done");
  await expect(page.getByTestId("job-stop-web")).toContainText("token admin");
  await expect(page.getByTestId("job-create-web")).toContainText("running on node-");
  await holdsEverywhere(page, "jobs");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByTestId("job-create-web").getByRole("button", { name: "Create web: what happened" }).click();
  const drawer = page.getByRole("dialog", { name: "Create web" });
  await expect(drawer.getByTestId("job-result")).toContainText(/^running on node-\d$/);
  await expect(drawer.getByRole("list", { name: "Events, newest first" }).getByRole("listitem").first()).toBeVisible();
  await holdsEverywhere(page, "job");
  await drawer.getByRole("link", { name: "In the audit trail" }).click();
  await expect(rows("Audit trail, newest first")).toHaveCount(2);
  await expect(rows("Audit trail, newest first").nth(1)).toContainText("ContainerService/CreateContainer");
  await page.goBack();
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByPlaceholder("Name or id of a container").fill("other");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\?container=other$/);
  await expect(page.getByTestId("job-create-web")).toHaveCount(0);
  await page.reload();
  await expect(page.getByTestId("job-create-other")).toBeVisible();
  await expect(page.getByTestId("job-create-web")).toHaveCount(0);
  await page.getByLabel("State").selectOption("1");
  await expect(page.getByText("No job fits")).toBeVisible();
  await page.getByRole("button", { name: "Show all jobs" }).click();
  await page.getByTestId("job-stop-web").getByRole("link", { name: "web" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "web" })).toBeVisible();
});

test("the trail is filtered by the address, goes back page by page, and shows what changed", async () => {
  const { nodes } = dashboard.fleet.api();
  await nodes.updateNode({ id: "node-1", priority: 3 });
  await nodes.updateNode({ id: "node-1", priority: 7 });
  await dashboard.open("/audit");
  await page.getByRole("button", { name: "NodeService/UpdateNode" }).first().click();
  const drawer = page.getByRole("dialog", { name: "NodeService/UpdateNode" });
  await expect(drawer.getByRole("row", { name: /priority 3 7/ })).toBeVisible();
  await expect(drawer.getByRole("region", { name: "What was asked for" })).toContainText('"priority": 7');
  await holdsEverywhere(page, "audit-entry");
  await page.keyboard.press("Escape");
  await expect(drawer).toBeHidden();
  await holdsEverywhere(page, "audit");
  await page.setViewportSize({ width: 1280, height: 800 });

  // More than a page of entries.
  for (let change = 0; change < 105; change += 1) await nodes.updateNode({ id: "node-1", priority: 1 + (change % 2) });
  await page.reload();
  await expect(rows("Audit trail, newest first")).toHaveCount(101);
  await page.getByRole("button", { name: "Load older" }).click();
  await expect.poll(() => rows("Audit trail, newest first").count()).toBeGreaterThan(107);

  await page.getByLabel("Method").fill("UpdateNode");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\?method=UpdateNode$/);
  await page.getByLabel("When").selectOption("1h");
  await expect(page).toHaveURL(/from=1h/);
  await page.reload();
  await expect(page.getByLabel("Method")).toHaveValue("UpdateNode");
  await expect(page.getByLabel("When")).toHaveValue("1h");
  await expect(rows("Audit trail, newest first").nth(1)).toContainText("NodeService/UpdateNode");
  await page.getByLabel("Object").fill("no such thing");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Show the whole trail" }).click();
  await expect(page).toHaveURL(/\/audit$/);
});

test("what the filter shows goes out as NDJSON, oldest first", async () => {
  await page.getByLabel("Method").fill("UpdateNode");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/method=UpdateNode/);
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Export as NDJSON" }).click(),
  ]);
  expect(file.suggestedFilename()).toBe("lormas-audit.ndjson");
  const entries = (await readFile(await file.path(), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(entries.length).toBeGreaterThan(106);
  expect(new Set(entries.map(({ method }) => method))).toEqual(new Set(["NodeService/UpdateNode"]));
  const numbers = entries.map(({ sequence }) => Number(sequence));
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
});

test("the palette goes anywhere from the keyboard alone, and gives the focus back", async () => {
  await dashboard.open("/");
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox", { name: "Go to" });
  await expect(field).toBeFocused();
  await holdsEverywhere(page, "palette");
  await field.fill("we");
  await expect(page.getByRole("option").first()).toHaveText(/^web\s*container$/);
  await expect(page.getByRole("option").first()).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "web" })).toBeVisible();
  await page.keyboard.press("Meta+k");
  await field.fill("node-1");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "node-1" })).toBeVisible();
  await page.keyboard.press("Control+k");
  await field.fill("trail");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/audit$/);
  await page.keyboard.press("Control+k");
  await field.fill("nothing of that name");
  await expect(page.getByText("Nothing is called so")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(field).toBeHidden();

  const room = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Clusters" });
  await room.focus();
  await page.keyboard.press("Control+k");
  await expect(field).toBeFocused();
  await page.keyboard.press("Control+k");
  await expect(field).toBeHidden();
  await expect(room).toBeFocused();
});

test("the first page brings little, and a room its own code only when it is gone to", async () => {
  const brought = new Map<string, Promise<Buffer>>();
  const note = (response: Response) => {
    if (/\.js$/.test(new URL(response.url()).pathname)) brought.set(response.url(), response.body());
  };
  page.on("response", note);
  await dashboard.open("/");
  const scripts = await Promise.all(brought.values());
  const compressed = scripts.reduce((sum, script) => sum + gzipSync(script).byteLength, 0);
  expect(scripts.length).toBeGreaterThan(3);
  expect(compressed).toBeLessThanOrEqual(170 * 1024);
  const before = brought.size;
  await page.getByRole("link", { name: "Audit trail" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Audit trail" })).toBeVisible();
  expect(brought.size).toBeGreaterThan(before);
  page.off("response", note);
});

test("on a phone the rooms of administration are one tap away", async () => {
  await page.setViewportSize({ width: 375, height: 800 });
  await dashboard.open("/");
  await page.getByRole("button", { name: "Administration" }).click();
  await holdsEverywhere(page, "administration-menu");
  await page.setViewportSize({ width: 375, height: 800 });
  await page.getByRole("navigation", { name: "Administration" }).getByRole("link", { name: "Jobs" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Jobs" })).toBeVisible();
});

test("with more contrast, chosen in the account's menu, every text of every room has 7 : 1, light and dark", async () => {
  await dashboard.open("/");
  await page.getByRole("button", { name: /^Account and appearance/ }).click();
  await page.getByRole("button", { name: "Contrast: as the system" }).click();
  await expect(page.getByRole("button", { name: "Contrast: more" })).toBeVisible();
  await page.keyboard.press("Escape");
  const world = (await dashboard.fleet.api().containers.getContainer({ id: "world" })).container?.id;
  const rooms = [
    "",
    "nodes",
    "nodes/node-1",
    "nodes/what-if",
    "clusters",
    "containers",
    "containers/new",
    `containers/${world}`,
  ];
  const others = [
    "migrations",
    "alerts",
    "eggs",
    "eggs/hello-http",
    "jobs",
    "people",
    "roles",
    "tokens",
    "audit",
    "profile",
  ];
  for (const room of [...rooms, ...others]) {
    // The choice is kept: each of them is loaded anew.
    await dashboard.open(`/${room}`);
    await hasContrastEverywhere(page, `/${room}`);
  }
  await page.evaluate('localStorage.removeItem("lormas.contrast")');
});
