import { readFile } from "node:fs/promises";
import { expect, type Page, test } from "@playwright/test";
import { Dashboard, holdsEverywhere, noBrowser } from "./fleet/dashboard.ts";

test.describe.configure({ mode: "serial" });
test.skip(noBrowser !== "", noBrowser);

let dashboard: Dashboard;
let page: Page;
test.beforeAll(async ({ browser }) => {
  dashboard = await Dashboard.up(browser, { args: ["--nodes", "1"] });
  page = dashboard.page;
});
test.afterAll(() => dashboard?.dispose());
test.afterEach(() => expect(dashboard.takeErrors()).toEqual([]));

const world = (changes: object = {}): string =>
  JSON.stringify({
    meta: { version: "PTDL_v2", update_url: null },
    exported_at: "2026-01-02T03:04:05+00:00",
    name: "Tiny World",
    author: "ann@example.org",
    description: "A world of its own.",
    docker_images: { "Box 2": "busybox:1.37", "Box 1": "busybox:1.36" },
    startup: 'echo "{{GREETING}}" on {{SERVER_PORT}}',
    config: { files: "{}", startup: '{"done":"on"}', logs: "{}", stop: "stop" },
    scripts: { installation: { script: "true", container: "alpine:3", entrypoint: "ash" } },
    variables: [
      { name: "Greeting", env_variable: "GREETING", default_value: "hi", rules: "required|string|max:9" },
      { name: "Odd", env_variable: "ODD", default_value: "", rules: "nullable|unique:worlds" },
    ],
    ...changes,
  });
const eggs = () => dashboard.fleet.api().eggs;
const ids = async () => (await eggs().listEggs({})).eggs.map(({ id }) => id);

test("an egg is brought in only after what would come of it was seen", async () => {
  await dashboard.open("/eggs");
  await expect(page.getByTestId("egg-row-hello-http")).toBeVisible();
  await holdsEverywhere(page, "eggs");
  await page.getByRole("button", { name: "Import an egg" }).click();
  await holdsEverywhere(page, "egg-import");
  const dialog = page.getByRole("dialog");
  const file = (name: string, text: string) => ({ name, mimeType: "application/json", buffer: Buffer.from(text) });
  await dialog.getByLabel("File").setInputFiles(file("empty.json", ""));
  await expect(dialog.getByRole("alert")).toContainText("empty.json is empty");
  await dialog.getByLabel("File").setInputFiles(file("egg-tiny-world.json", world()));
  await expect(dialog.getByLabel("Text")).toHaveValue(world());
  await dialog.getByLabel("Category").fill("Games");
  await dialog.getByRole("button", { name: "See what would change" }).click();
  await expect(dialog.getByTestId("import-verdict")).toContainText("Tiny World would be a new egg, tiny-world");
  await expect(dialog.getByTestId("import-verdict")).toContainText("Pterodactyl, version 2, JSON");
  await expect(dialog.getByRole("row", { name: /unique/ })).toBeVisible();
  await holdsEverywhere(page, "egg-import-preview");
  expect(await ids()).not.toContain("tiny-world");

  await dialog.getByRole("button", { name: "Import", exact: true }).click();
  await expect(page).toHaveURL(/\/eggs\/tiny-world$/);
  await expect(page.getByRole("heading", { level: 1, name: "Tiny World" })).toBeVisible();
  expect(await ids()).toContain("tiny-world");
});

test("its page shows images, startup, variables with their rules, and what of it is not used", async () => {
  await expect(page.getByRole("row", { name: /Box 2.*busybox:1\.37/s })).toBeVisible();
  await expect(page.getByRole("row", { name: /echo "\{\{GREETING\}\}" on/ })).toBeVisible();
  await expect(page.getByTestId("variable-GREETING")).toContainText(/Greeting.*hi.*max:9/s);
  await expect(page.getByRole("table", { name: "Findings" })).toContainText("unique");
  await holdsEverywhere(page, "egg");
});

test("one that is there is replaced only after its changes were seen, and not when it is left at that", async () => {
  const changed = world({ description: "Another one.", docker_images: { "Box 2": "busybox:1.38" } });
  const look = async () => {
    await page.getByRole("link", { name: "Eggs" }).first().click();
    await page.getByRole("button", { name: "Import an egg" }).click();
    await page.getByLabel("Text").fill(changed);
    await page.getByRole("button", { name: "See what would change" }).click();
    await expect(page.getByTestId("import-verdict")).toContainText("is there already and would be replaced");
  };
  await look();
  await expect(page.getByTestId("change-description")).toContainText(/A world of its own\..*Another one\./s);
  await expect(page.getByTestId("change-image")).toContainText(/busybox:1\.37.*busybox:1\.38/s);
  await holdsEverywhere(page, "egg-replace");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  expect((await eggs().getEgg({ id: "tiny-world" })).egg?.image).toBe("busybox:1.37");
  await look();
  // What somebody else has made of it meanwhile was not seen, and stays.
  await eggs().importEgg({ content: world({ description: "Somebody else's." }), replace: true });
  await page.getByRole("button", { name: "Replace" }).click();
  const refusal = page.getByRole("dialog").getByRole("alert");
  await expect(refusal).toContainText("It was not imported, and nothing has changed");
  await expect(refusal).toContainText("changed since");
  expect((await eggs().getEgg({ id: "tiny-world" })).egg?.description).toBe("Somebody else's.");
  await page.getByRole("button", { name: "Back to the text" }).click();
  await page.getByRole("button", { name: "See what would change" }).click();
  await expect(page.getByTestId("change-description")).toContainText(/Somebody else's\..*Another one\./s);
  await page.getByRole("button", { name: "Replace" }).click();
  await expect(page).toHaveURL(/\/eggs\/tiny-world$/);
  await expect(page.getByText("Another one.")).toBeVisible();
  expect((await eggs().getEgg({ id: "tiny-world" })).egg?.image).toBe("busybox:1.38");
});

test("what is no egg, and one that ships, are refused where they were typed, with the reason", async () => {
  await dashboard.open("/eggs?import");
  await page.getByLabel("Text").fill("{}");
  await page.getByRole("button", { name: "See what would change" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("This cannot be imported");
  await page.getByLabel("Text").fill(world());
  await page.getByLabel("Id").fill("hello-http");
  await page.getByRole("button", { name: "See what would change" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("import yours under another id");
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page).toHaveURL(/\/eggs$/);
});

test("the filter stands in the address and finds the egg again", async () => {
  await page.getByLabel("Search eggs").fill("tiny");
  await expect(page.getByTestId("egg-row-hello-http")).toBeHidden();
  await expect(page).toHaveURL(/\?q=tiny$/);
  await page.reload();
  await expect(page.getByTestId("egg-row-tiny-world")).toBeVisible();
  await expect(page.getByTestId("egg-row-hello-http")).toBeHidden();
  await page.getByLabel("Search eggs").fill("no such egg");
  await page.getByRole("button", { name: /Show all/ }).click();
  await expect(page.getByTestId("egg-row-hello-http")).toBeVisible();
});

test("an egg goes out in every format, as a file that says so", async () => {
  await dashboard.open("/eggs/tiny-world");
  await page.getByRole("button", { name: "Export" }).click();
  const dialog = page.getByRole("dialog", { name: "Export Tiny World" });
  await holdsEverywhere(page, "egg-export");
  const save = async (format: string, syntax: string) => {
    await dialog.getByLabel("Format").selectOption(format);
    await dialog.getByLabel("Written as").selectOption(syntax);
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: "Save the file" }).click(),
    ]);
    return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
  };
  for (const [format, version] of [
    ["ptdl_v1", "PTDL_v1"],
    ["ptdl_v2", "PTDL_v2"],
    ["plcn_v1", "PLCN_v1"],
    ["plcn_v2", "PLCN_v2"],
    ["plcn_v3", "PLCN_v3"],
  ] as const) {
    const { name, text } = await save(format, "json");
    expect(name).toBe("egg-tiny-world.json");
    expect(JSON.parse(text).meta.version).toBe(version);
  }
  const { content } = await eggs().exportEgg({ id: "tiny-world", format: "lormas", syntax: "yaml" });
  expect(await save("lormas", "yaml")).toEqual({ name: "egg-tiny-world.yaml", text: content });
  await expect(dialog).toContainText("Saved as egg-tiny-world.yaml");
});

test("an egg that containers are made of stays, and one that nobody uses goes after the question", async () => {
  await dashboard.fleet.api().containers.createContainer({ name: "world", eggId: "tiny-world" });
  await dashboard.open("/eggs/tiny-world");
  const remove = page.getByRole("button", { name: "Remove" });
  await remove.click();
  const dialog = page.getByRole("alertdialog", { name: "Remove Tiny World?" });
  await holdsEverywhere(page, "egg-remove");
  await dialog.getByRole("button", { name: "Remove" }).click();
  await expect(dialog.getByRole("alert")).toContainText("world");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  expect(await ids()).toContain("tiny-world");

  await dashboard.fleet.api().containers.deleteContainer({ id: "world" });
  await expect(page.getByText("none of it")).toBeVisible();
  await remove.click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await expect(page).toHaveURL(/\/eggs$/);
  expect(await ids()).not.toContain("tiny-world");
  await dashboard.open("/eggs/tiny-world");
  await expect(page.getByText("There is no such egg")).toBeVisible();
});
