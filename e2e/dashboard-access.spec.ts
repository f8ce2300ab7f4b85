import { type Browser, expect, type Page, test } from "@playwright/test";
import { Dashboard, holdsEverywhere, noBrowser } from "./fleet/dashboard.ts";
import { totpCode } from "./fleet/totp-code.ts";

test.describe.configure({ mode: "serial" });
test.skip(noBrowser !== "", noBrowser);

const ANN = "ann@example.org";
const ANNS_OWN = "another horse, another staple";

let dashboard: Dashboard;
let page: Page;
/** What Ann signs in with at present. */
let annsPassword = "";
test.beforeAll(async ({ browser }) => {
  dashboard = await Dashboard.up(browser, { args: ["--nodes", "1"] });
  page = dashboard.page;
});
test.afterAll(() => dashboard?.dispose());
test.afterEach(() => expect(dashboard.takeErrors()).toEqual([]));

/** Signs in on a page of a browser of its own, as somebody on another machine. */
async function signIn(browser: Browser, email: string, password: string): Promise<Page> {
  const context = await browser.newContext({ baseURL: dashboard.fleet.httpUrl });
  const other = await context.newPage();
  await other.goto("/sign-in");
  await other.getByLabel("E-mail address").fill(email);
  await other.getByLabel("Password").fill(password);
  await other.getByRole("button", { name: "Sign in", exact: true }).click();
  return other;
}

test("somebody is let in with a password that is shown once", async ({ browser }) => {
  await dashboard.open("/people");
  await expect(page.getByTestId("person-admin@lormas.local")).toContainText("superadmin");
  await page.getByRole("button", { name: "New person" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("E-mail address").fill("admin@lormas.local");
  await dialog.getByRole("button", { name: "Make the account" }).click();
  await expect(dialog.getByRole("alert")).toContainText("admin@lormas.local");
  await dialog.getByLabel("E-mail address").fill(ANN);
  await dialog.getByLabel("Name").fill("Ann");
  await dialog.getByLabel("Role for everything").selectOption("viewer");
  await holdsEverywhere(page, "person-new");
  await dialog.getByRole("button", { name: "Make the account" }).click();
  annsPassword = await dialog.getByTestId("secret").innerText();
  await holdsEverywhere(page, "person-password");
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(dialog).toBeHidden();
  expect(await page.content()).not.toContain(annsPassword);
  await expect(page.getByTestId(`person-${ANN}`)).toContainText("first password");
  await holdsEverywhere(page, "people");

  const ann = await signIn(browser, ANN, annsPassword);
  await expect(ann).toHaveURL(/\/change-password/);
  await ann.getByLabel("Current password").fill(annsPassword);
  await ann.getByLabel("New password", { exact: true }).fill(ANNS_OWN);
  await ann.getByLabel("New password again").fill(ANNS_OWN);
  await ann.getByRole("button", { name: "Change password" }).click();
  await expect(ann.getByRole("navigation", { name: "Main" })).toBeVisible();
  annsPassword = ANNS_OWN;

  const rooms = ann.getByRole("navigation", { name: "Administration" });
  await expect(rooms.getByRole("link", { name: "Eggs" })).toBeVisible();
  await expect(rooms.getByRole("link", { name: "People" })).toHaveCount(0);
  for (const [path, what] of [
    ["/people", "people"],
    ["/audit", "the audit trail"],
  ] as const) {
    await ann.goto(path);
    await expect(ann.getByText(`You may not see ${what}`)).toBeVisible();
  }
  await holdsEverywhere(ann, "no-permission");
  await ann.context().close();
});

test("a role of one's own is made of others and of single permissions, changed, and removed when nobody holds it", async () => {
  await dashboard.open("/roles");
  await expect(page.getByTestId("role-superadmin")).toBeVisible();
  await holdsEverywhere(page, "roles");
  await page.getByRole("link", { name: "New role" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("crew");
  await page.getByLabel("What it is for").fill("keeps things running");
  await page.getByRole("checkbox", { name: "viewer", exact: true }).check();
  await page.getByRole("checkbox", { name: /^container:restart/ }).check();
  // What the included role has is shown as had, and by which role.
  const view = page.getByRole("checkbox", { name: /^container:view/ });
  await expect(view).toBeChecked();
  await expect(view).toBeDisabled();
  await expect(page.getByText("by viewer").first()).toBeVisible();
  await holdsEverywhere(page, "role-new");
  await page.getByRole("button", { name: "Make the role" }).click();
  await expect(page).toHaveURL(/\/roles\/crew$/);
  const crew = async () => (await dashboard.fleet.api().access.getRole({ name: "crew" })).role;
  expect(await crew()).toMatchObject({ includes: ["viewer"], grants: ["container:restart"] });

  await page.getByRole("checkbox", { name: /^container:\*/ }).check();
  await expect(page.getByRole("checkbox", { name: /^container:start/ })).toBeChecked();
  await page.getByRole("button", { name: "Save the role" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Saved" })).toBeVisible();
  expect((await crew())?.grants).toEqual(["container:restart", "container:*"]);
  await holdsEverywhere(page, "role");
  await dashboard.open("/roles/operator");
  await expect(page.getByText("It can neither be removed nor changed, but for the second factor")).toBeVisible();
  await expect(page.getByRole("button", { name: "Save the role" })).toHaveCount(0);
});

test("roles are given and taken, for everything, for a cluster and for a container", async () => {
  await dashboard.fleet.createRunning("shop");
  await dashboard.open("/people");
  await page.getByRole("link", { name: ANN }).click();
  await page.getByRole("combobox", { name: "Role for everything" }).selectOption("none");
  await page.getByRole("button", { name: "Change the role" }).click();
  await expect(page.getByText("Has now: none.")).toBeVisible();

  const grants = page.getByRole("list", { name: "Roles for clusters and containers" });
  await page.getByLabel("Role", { exact: true }).selectOption("crew");
  await page.getByLabel("Cluster", { exact: true }).fill("nowhere");
  await page.getByRole("button", { name: "Grant" }).click();
  await expect(page.getByRole("alert")).toContainText("nowhere");
  await page.getByLabel("Cluster", { exact: true }).fill("local");
  await page.getByRole("button", { name: "Grant" }).click();
  await expect(grants).toContainText("crew in the cluster local");
  await page.getByLabel("Holds for").selectOption("container");
  await page.getByLabel("Container", { exact: true }).fill("shop");
  await page.getByRole("button", { name: "Grant" }).click();
  await expect(grants).toContainText("crew for the container shop");
  await holdsEverywhere(page, "person");
  const held = async () =>
    (await dashboard.fleet.api().access.getUser({ email: ANN })).user?.grants.map(({ cluster, container }) =>
      cluster === "" ? container : cluster,
    );
  expect((await held())?.toSorted()).toEqual(["local", "shop"]);

  await page.goto("/roles/crew");
  await page.getByRole("button", { name: "Remove" }).click();
  const dialog = page.getByRole("alertdialog");
  await dialog.getByRole("button", { name: "Remove" }).click();
  await expect(dialog.getByRole("alert")).toContainText("crew");
  await dialog.getByRole("button", { name: "Cancel" }).click();

  await page.goto(`/people/${ANN}`);
  for (const what of ["crew in the cluster local", "crew for the container shop"]) {
    await page.getByRole("button", { name: `Take away: ${what}` }).click();
    await expect(page.getByRole("button", { name: `Take away: ${what}` })).toHaveCount(0);
  }
  expect(await held()).toEqual([]);
  await page.goto("/roles/crew");
  await page.getByRole("button", { name: "Remove" }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await expect(page).toHaveURL(/\/roles$/);
});

test("an administrator ends somebody's sessions, resets the password, and removes the account", async ({ browser }) => {
  const ann = await signIn(browser, ANN, annsPassword);
  await expect(ann.getByRole("navigation", { name: "Main" })).toBeVisible();
  await page.goto(`/people/${ANN}`);
  await expect(page.getByRole("table", { name: "Sessions" })).toContainText("Chrome on Linux");
  await page.getByRole("button", { name: "End sessions" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "End sessions" }).click();
  await expect(page.getByText("Not signed in anywhere")).toBeVisible();
  // The page of who is signed out says so by itself.
  await expect(ann).toHaveURL(/\/sign-in/);
  await ann.context().close();

  await page.getByRole("button", { name: "Reset password" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Reset password" }).click();
  annsPassword = await page.getByTestId("secret").innerText();
  await page.getByRole("button", { name: "Done" }).click();
  const again = await signIn(browser, ANN, annsPassword);
  await expect(again).toHaveURL(/\/change-password/);
  await again.context().close();

  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove" }).click();
  await expect(page).toHaveURL(/\/people$/);
  await expect(page.getByTestId("person-admin@lormas.local")).toBeVisible();
  await expect(page.getByTestId(`person-${ANN}`)).toHaveCount(0);
  await page.goto(`/people/${ANN}`);
  await expect(page.getByText("Nobody has this address")).toBeVisible();
});

test("a token is shown once, opens what its role opens, and nothing any more once it is revoked", async () => {
  await dashboard.open("/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("ci");
  await dialog.getByLabel("Role", { exact: true }).selectOption("viewer");
  await dialog.getByLabel("Holds for").selectOption({ label: "the cluster local" });
  await holdsEverywhere(page, "token-new");
  await dialog.getByRole("button", { name: "Make the token" }).click();
  const secret = await dialog.getByTestId("secret").innerText();
  await holdsEverywhere(page, "token-secret");
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(dialog).toBeHidden();
  expect(await page.content()).not.toContain(secret);
  const row = page.getByTestId("token-ci");
  await expect(row).toContainText("viewer in the cluster local");
  await expect(row).toContainText("admin@lormas.local");
  await holdsEverywhere(page, "tokens");

  const ask = (path: string) =>
    fetch(`${dashboard.fleet.httpUrl}${path}`, { headers: { authorization: `Bearer ${secret}` } });
  expect((await ask("/api/v1/nodes")).status).toBe(200);
  expect((await ask("/api/v1/users")).status).toBe(403);
  await row.getByRole("button", { name: "Revoke ci" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Revoke" }).click();
  await expect(row).toHaveCount(0);
  await expect(async () => expect((await ask("/api/v1/nodes")).status).toBe(401)).toPass();
});

test("one's own name and language are kept, and moments are written so from then on", async () => {
  await dashboard.open("/profile");
  await page.getByLabel("Language of dates").fill("xx-nonsense");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("alert")).toContainText("there is no language");
  await page.getByLabel("Name").fill("The admin");
  await page.getByLabel("Language of dates").fill("de-CH");
  await page.getByLabel("Time zone").fill("Asia/Tokyo");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(/Saved\. Now is \d\d\.\d\d\.20\d\d, .*(GMT\+9|JST)/)).toBeVisible();
  await page.reload();
  await expect(page.getByLabel("Name")).toHaveValue("The admin");
  await expect(
    page
      .locator("time")
      .filter({ hasText: /\d\d\.\d\d\.20\d\d/ })
      .first(),
  ).toBeVisible();
  await holdsEverywhere(page, "profile");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByLabel("Language of dates").fill("");
  await page.getByLabel("Time zone").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText(/Saved\./)).toBeVisible();
});

test("a second factor is set up on the page, which stays where it is, and is asked for afterwards", async ({
  browser,
}) => {
  await page.getByRole("button", { name: "Set up" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Password").fill("not the password");
  await dialog.getByRole("button", { name: "Continue" }).click();
  await expect(dialog.getByRole("alert")).toContainText("wrong");
  await dialog.getByLabel("Password").fill(Dashboard.password);
  await dialog.getByRole("button", { name: "Continue" }).click();
  const key = await dialog.getByTestId("factor-key").innerText();
  await expect(dialog.getByRole("img", { name: "Code for your app" })).toBeVisible();
  await holdsEverywhere(page, "factor-key");
  const uri = `otpauth://totp/Lormas?secret=${key}`;
  await dialog.getByLabel("Code that the app shows").fill("000000");
  await dialog.getByRole("button", { name: "Confirm" }).click();
  await expect(dialog.getByRole("alert")).toBeVisible();
  await dialog.getByLabel("Code that the app shows").fill(totpCode(uri));
  const looked = page.waitForResponse(/\/api\/auth\/get-session$/);
  await dialog.getByRole("button", { name: "Confirm" }).click();
  const codes = (await dialog.getByTestId("recovery-codes").innerText()).split(/\s+/).filter(Boolean);
  expect(codes).toHaveLength(10);
  await holdsEverywhere(page, "factor-codes");
  // The session was replaced: streams of the one before end within 5 s, and the page looks whether it is signed in and goes on.
  await looked;
  await expect(page.getByTestId("connection-state")).toHaveAttribute("data-state", "live");
  await expect(dialog.getByTestId("recovery-codes")).toContainText(codes[9] ?? "");
  await dialog.getByRole("button", { name: "I have kept them" }).click();
  await expect(page.getByText("A sign-in asks for a code of your app.")).toBeVisible();

  const other = await signIn(browser, "admin@lormas.local", Dashboard.password);
  await other.getByRole("button", { name: "Use a recovery code" }).click();
  await other.getByLabel("Recovery code").fill(codes[0] ?? "");
  await other.getByRole("button", { name: "Continue" }).click();
  await expect(other.getByRole("navigation", { name: "Main" })).toBeVisible();

  await page.reload();
  const sessions = page.getByRole("table", { name: "Sessions" });
  await expect(sessions.getByText("this one")).toBeVisible();
  await page.getByRole("button", { name: "End all others" }).click();
  await expect(page.getByText(/\d+ sessions? ended/)).toBeVisible();
  await expect(sessions.getByRole("row")).toHaveCount(2);
  await expect(other).toHaveURL(/\/sign-in/);
  await other.context().close();

  await page.getByRole("button", { name: "Take off" }).click();
  await dialog.getByLabel("Password").fill(Dashboard.password);
  await dialog.getByRole("button", { name: "Take off" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("button", { name: "Set up" })).toBeVisible();
  await expect(page).toHaveURL(/\/profile$/);
});
