import { existsSync } from "node:fs";
import { expect, test } from "@playwright/test";
import { Fleet } from "./fleet/fleet.ts";

const chromium = process.env["LORMAS_CHROMIUM"] ?? "/usr/bin/chromium";
const password = "correct horse battery staple";

test.skip(
  !existsSync(chromium) && process.env["LORMAS_TEST_REQUIRE"] !== "1",
  `no Chromium at ${chromium}: install it, or set LORMAS_CHROMIUM to its path`,
);

test("over TLS the dashboard signs in with a cookie for TLS alone, and shows what changes, within its content policy", async ({
  browser,
}) => {
  const fleet = await Fleet.up({ args: ["--nodes", "1"], environment: { LORMAS_PUBLIC_TLS: "own-ca" } });
  // The browser does not know the fleet's authority.
  const context = await browser.newContext({ baseURL: fleet.httpUrl, ignoreHTTPSErrors: true });
  try {
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) faults.push(message.text());
    });
    const first = /Password {3}(\S+)/.exec(fleet.output)?.[1] ?? "";
    await page.goto("/containers");
    await page.getByLabel("E-mail address").fill("admin@lormas.local");
    await page.getByLabel("Password").fill(first);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByLabel("Current password").fill(first);
    await page.getByLabel("New password", { exact: true }).fill(password);
    await page.getByLabel("New password again").fill(password);
    await page.getByRole("button", { name: "Change password" }).click();
    const navigation = page.getByRole("navigation", { name: "Main" });
    await navigation.getByRole("link", { name: "Containers" }).click();
    const cookies = await context.cookies();
    expect(cookies.map(({ name, secure, httpOnly }) => ({ name, secure, httpOnly }))).toContainEqual({
      name: "__Secure-lormas.session_token",
      secure: true,
      httpOnly: true,
    });
    const made = await fleet.cli("container", "create", "web", "--egg", "hello-http");
    expect(made.code, made.stderr).toBe(0);
    await expect(page.getByRole("row", { name: /web/ })).toBeVisible();
    expect(faults).toEqual([]);
  } finally {
    await context.close();
    await fleet.dispose();
  }
});
