import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import { holdsEverywhere, noBrowser } from "./fleet/dashboard.ts";
import { Fleet } from "./fleet/fleet.ts";
import { totpCode } from "./fleet/totp-code.ts";

const FIRST = "given at the start";
const OWN = "correct horse battery staple";

test.describe.configure({ mode: "serial" });
test.skip(noBrowser !== "", noBrowser);

let fleet: Fleet;
let folder: string;
let page: Page;
/** The otpauth:// address of the second factor, and its recovery codes. */
let factor: { readonly totpURI: string; readonly backupCodes: readonly string[] };

test.beforeAll(async ({ browser }) => {
  folder = await mkdtemp(join(tmpdir(), "lormas-sign-in-"));
  await writeFile(join(folder, "secret"), "not needed");
  // Nothing listens at port 1: a provider that is down.
  const entry = {
    id: "company",
    label: "Company",
    issuer: "http://127.0.0.1:1",
    clientId: "c",
    clientSecretFile: "secret",
  };
  await writeFile(join(folder, "providers.yaml"), JSON.stringify({ providers: [entry] }));
  fleet = await Fleet.up({
    args: ["--nodes", "1"],
    environment: { LORMAS_ADMIN_PASSWORD: FIRST, LORMAS_SIGN_IN_PROVIDERS: join(folder, "providers.yaml") },
  });
  const context = await browser.newContext({ baseURL: fleet.httpUrl });
  page = await context.newPage();
});
test.afterAll(async () => {
  await page?.context().close();
  await fleet?.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function signIn(secret: string): Promise<void> {
  await page.getByLabel("E-mail address").fill("admin@lormas.local");
  await page.getByLabel("Password").fill(secret);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** Calls a route of sign-in as the page would. */
async function call(path: string, body: unknown): Promise<unknown> {
  const answer = await page.request.post(`/api/auth/${path}`, { data: body, headers: { origin: fleet.httpUrl } });
  expect(answer.status(), await answer.text()).toBe(200);
  return answer.json();
}

test("a provider that is configured is a button, and one that is down says so and leaves the password", async () => {
  await page.goto("/sign-in");
  await expect(page.getByRole("button", { name: "Sign in with Company" })).toBeVisible();
  await holdsEverywhere(page, "sign-in");
  await page.getByRole("button", { name: "Sign in with Company" }).click();
  await expect(page.getByRole("alert")).toContainText("cannot sign anybody in now");
  await page.goto("/sign-in?problem=email_not_verified");
  await expect(page.getByRole("alert")).toContainText("has not verified your e-mail address");
  await signIn(FIRST);
  await expect(page).toHaveURL(/\/change-password/);
  await call("change-password", { currentPassword: FIRST, newPassword: OWN });
  factor = (await call("two-factor/enable", { password: OWN })) as typeof factor;
  await call("two-factor/verify-totp", { code: totpCode(factor.totpURI) });
  await call("sign-out", {});
});

test("somebody with a second factor types the code of the app after the password, and arrives where he wished", async () => {
  await page.goto("/nodes");
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await signIn(OWN);
  const code = page.getByLabel("Code of your app");
  await expect(code).toBeFocused();
  await holdsEverywhere(page, "second-factor");
  await code.fill("12345");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("alert")).toContainText("six digits");
  await expect(code).toBeFocused();
  const right = totpCode(factor.totpURI, 1);
  await code.fill(`${right.slice(0, 3)} ${right.slice(3)}`);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
  await expect(page).toHaveURL(/\/nodes$/);
});

test("a recovery code does as well, and the way back to the password is there", async () => {
  await call("sign-out", {});
  await page.goto("/sign-in");
  await signIn(OWN);
  await page.getByRole("button", { name: "Start again" }).click();
  await signIn(OWN);
  await page.getByRole("button", { name: "Use a recovery code" }).click();
  await page.getByLabel("Recovery code").fill(factor.backupCodes[0] ?? "");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
});
