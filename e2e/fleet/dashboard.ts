import { existsSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, expect, type Locator, type Page } from "@playwright/test";
import { Fleet, type FleetOptions } from "./fleet.ts";

const chromium = process.env["LORMAS_CHROMIUM"] ?? "/usr/bin/chromium";
/** A folder in which every page is kept as a picture, for people to look at; undefined: none is taken. */
const SCREENSHOTS = process.env["LORMAS_SCREENSHOTS"];
const FIRST = "given at the start";

/** Why no page can be looked at on this machine; empty: it can. LORMAS_TEST_REQUIRE=1 makes its lack a failure. */
export const noBrowser =
  existsSync(chromium) || process.env["LORMAS_TEST_REQUIRE"] === "1"
    ? ""
    : `no Chromium at ${chromium}: install it, or set LORMAS_CHROMIUM to its path`;

/** The dashboard of a fleet, with its administrator signed in. */
export class Dashboard {
  /** The administrator's password. */
  static readonly password = "correct horse battery staple";
  readonly fleet: Fleet;
  readonly page: Page;
  readonly #errors: string[] = [];

  private constructor(fleet: Fleet, page: Page) {
    this.fleet = fleet;
    this.page = page;
    page.on("pageerror", (error) => this.#errors.push(error.message));
  }

  /** A fleet that is up, and one page for all tests. */
  static async up(browser: Browser, options: FleetOptions = {}): Promise<Dashboard> {
    const fleet = await Fleet.up({
      ...options,
      environment: { LORMAS_ADMIN_PASSWORD: FIRST, ...options.environment },
    });
    const context = await browser.newContext({ baseURL: fleet.httpUrl, acceptDownloads: true });
    const dashboard = new Dashboard(fleet, await context.newPage());
    await dashboard.call("sign-in/email", { email: "admin@lormas.local", password: FIRST });
    await dashboard.call("change-password", { currentPassword: FIRST, newPassword: Dashboard.password });
    return dashboard;
  }

  /** What threw in the page since it was asked last. */
  takeErrors(): string[] {
    return this.#errors.splice(0);
  }

  /** Calls a route of sign-in as the page would, and with its cookies. */
  async call(path: string, body: unknown): Promise<unknown> {
    const headers = { origin: this.fleet.httpUrl };
    const answer = await this.page.request.post(`/api/auth/${path}`, { data: body, headers });
    expect(answer.status(), await answer.text()).toBe(200);
    return answer.json();
  }

  /** Opens a path and waits until it shows the present. */
  async open(path: string): Promise<void> {
    await this.page.goto(path);
    await expect(this.page.locator("main")).toHaveAttribute("data-freshness", "live");
    await expect(this.page.locator("main h1").first()).toBeVisible();
  }

  /** The dialog with that title. */
  dialog(name: string | RegExp): Locator {
    return this.page.getByRole("dialog", { name }).or(this.page.getByRole("alertdialog", { name }));
  }

  async dispose(): Promise<void> {
    await this.page.context().close();
    await this.fleet.dispose();
  }
}

/** The page holds on a phone and on a desk, light and dark: nothing serious for axe, nothing wider than the screen. */
export async function holdsEverywhere(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const width of [375, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      // No frames here: without them one page is enough to look with.
      const axe = new AxeBuilder({ page }).setLegacyMode(true).options({ resultTypes: ["violations"] });
      const serious = (await axe.analyze()).violations.filter(
        ({ impact }) => impact === "serious" || impact === "critical",
      );
      expect(
        serious.map(({ id, nodes: [first] }) => `${name}: ${id}: ${first?.html} ${first?.failureSummary}`),
      ).toEqual([]);
      const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
      if (SCREENSHOTS) {
        await page.screenshot({ path: join(SCREENSHOTS, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      }
      expect(overflow, `${name} is wider than ${width} px`).toBeLessThanOrEqual(0);
    }
  }
}

/** Every text of the page has at least 7 : 1 on what it stands on (4.5 : 1 where it is large), light and dark. */
export async function hasContrastEverywhere(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const axe = new AxeBuilder({ page }).setLegacyMode(true).withRules(["color-contrast-enhanced"]);
    const { passes, violations } = await axe.analyze();
    if (SCREENSHOTS) {
      const file = `contrast${name.replaceAll("/", "-")}-${colorScheme}.png`;
      await page.screenshot({ path: join(SCREENSHOTS, file), fullPage: true });
    }
    const weak = violations.flatMap(({ nodes }) =>
      nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`),
    );
    expect(weak, `${name}, ${colorScheme}`).toEqual([]);
    expect(passes.length, `${name}, ${colorScheme}: axe looked at something`).toBeGreaterThan(0);
  }
}
