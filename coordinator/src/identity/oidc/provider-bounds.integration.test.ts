import { afterAll, beforeAll, expect, test } from "vitest";
import { type PublicPlaneRig, startPublicPlaneRig } from "../../api/public-plane-rig.ts";
import { systemClock } from "../../runtime/system-clock.ts";
import { ATTEMPTS_PER_ADDRESS } from "../sign-in-limits.ts";
import { PROVIDER_MS_MAX } from "./bounded-fetch.ts";
import { type LyingProvider, startLyingProvider } from "./lying-provider.ts";
import { CONVERSATIONS_MAX } from "./provider-routes.ts";

let rig: PublicPlaneRig;
let liar: LyingProvider;
beforeAll(async () => {
  liar = await startLyingProvider("lormas", systemClock);
  const settings = {
    label: "Company",
    clientId: "lormas",
    clientSecret: "s",
    firstRole: "none",
    linkByEmail: false,
  } as const;
  rig = await startPublicPlaneRig({
    providers: (["hangs", "tokens"] as const).map((id) => ({ ...settings, id, issuer: liar.issuerOf(id) })),
  });
});
afterAll(async () => {
  await rig?.close();
  await liar?.close();
});

const start = (provider: string) =>
  fetch(`${rig.plane.url}/api/auth/sign-in/provider`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: rig.plane.url },
    body: JSON.stringify({ provider }),
  });

test("while as many sign-ins as may wait for a provider that is silent, one more is told so at once, and later ones go on", async () => {
  const waiting = Array.from({ length: CONVERSATIONS_MAX }, () => start("hangs"));
  await expect.poll(() => liar.waiting(), { timeout: PROVIDER_MS_MAX }).toBe(CONVERSATIONS_MAX);
  const begunMs = systemClock.bootMs();
  const refused = await start("tokens");
  expect([refused.status, await refused.json()]).toMatchObject([502, { code: "provider_unreachable" }]);
  expect(systemClock.bootMs() - begunMs).toBeLessThan(PROVIDER_MS_MAX);
  for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(502);
  expect((await start("tokens")).status).toBe(200);
}, 30_000);

test("who begins sign-ins and finishes none is told to wait, as who guesses passwords is", async () => {
  for (let attempt = 0; attempt <= ATTEMPTS_PER_ADDRESS; attempt += 1) await (await start("tokens")).text();
  const limited = await start("tokens");
  expect([limited.status, await limited.json()]).toMatchObject([429, { code: "rate_limited" }]);
  expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
});
