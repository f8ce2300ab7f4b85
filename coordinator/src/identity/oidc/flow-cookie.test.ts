import { expect, test } from "vitest";
import { FLOW_COOKIE, FlowCookie } from "./flow-cookie.ts";

const flow = {
  ...{ provider: "company", state: "s", nonce: "n", verifier: "v", redirectUri: "https://l/api/auth/callback/company" },
  ...{ next: "/nodes", untilMs: 1_000 },
};
const pair = (header: string) => header.split(";", 1)[0] ?? "";

test("a flow comes back as it was kept, and shows nothing of itself", () => {
  const cookie = new FlowCookie("a secret", false);
  const kept = cookie.keep(flow);
  expect(cookie.read(`a=b; ${pair(kept)}; c=d`)).toEqual(flow);
  expect(Buffer.from(pair(kept).slice(FLOW_COOKIE.length + 1), "base64url").toString("latin1")).not.toContain(
    "company",
  );
  expect(pair(cookie.keep(flow)), "no two are alike").not.toBe(pair(kept));
});

test("one that was changed, cut, or made with another secret is none", () => {
  const cookie = new FlowCookie("a secret", false);
  const kept = pair(cookie.keep(flow));
  const value = kept.slice(FLOW_COOKIE.length + 1);
  const flipped = value.startsWith("A") ? `B${value.slice(1)}` : `A${value.slice(1)}`;
  const wrong = [
    undefined,
    "",
    pair(new FlowCookie("another secret", false).keep(flow)),
    `${FLOW_COOKIE}=${flipped}`,
    `${FLOW_COOKIE}=${value.slice(0, -8)}`,
    `${FLOW_COOKIE}=AAAA`,
    `${FLOW_COOKIE}=${"A".repeat(5_000)}`,
    kept.replace(FLOW_COOKIE, `x${FLOW_COOKIE}`),
    kept.replace(".", "x"),
  ];
  for (const header of wrong) expect(cookie.read(header), header).toBeNull();
});

test("it goes to the way back alone, out of reach of scripts, and over TLS only where there is TLS", () => {
  expect(new FlowCookie("a", false).keep(flow)).toMatch(/; Path=\/api\/auth\/callback; HttpOnly; SameSite=Lax$/);
  expect(new FlowCookie("a", true).keep(flow)).toMatch(/; SameSite=Lax; Secure$/);
  expect(new FlowCookie("a", true).forget()).toMatch(/^lormas\.oidc=; Max-Age=0; .*; Secure$/);
});
