import { expect, test } from "vitest";
import { ConnectionBounds } from "./connection-bounds.ts";
import { formatAddress, parseListenAddress } from "./listen-address.ts";

test("a key has as many places as the bound says, and a place is given back once", () => {
  const bounds = new ConnectionBounds(2);
  const [one, two] = [bounds.take("a"), bounds.take("a")];
  expect(bounds.take("a")).toBeNull();
  expect(bounds.take("b")).not.toBeNull();
  one?.();
  one?.();
  expect(bounds.take("a")).not.toBeNull();
  expect(bounds.take("a")).toBeNull();
  two?.();
  expect(bounds.keys).toBe(2);
});

test("listen addresses are read, and what is none is refused with an example", () => {
  expect(parseListenAddress("127.0.0.1:7443")).toEqual({ host: "127.0.0.1", port: 7443 });
  expect(parseListenAddress("[::1]:0")).toEqual({ host: "::1", port: 0 });
  expect(parseListenAddress(":7443")).toEqual({ host: "::", port: 7443 });
  expect(formatAddress("::1", 7443)).toBe("[::1]:7443");
  for (const text of ["7443", "host", "host:70000", "::1:7443", ""]) {
    expect(() => parseListenAddress(text)).toThrow(/write host:port/);
  }
});
