import { expect, test } from "vitest";
import { addressKey, peerHost } from "./peer-address.ts";

test("an IPv4 address counts by itself, mapped into IPv6 or not", () => {
  expect(addressKey("192.0.2.7")).toBe("192.0.2.7");
  expect(addressKey("::ffff:192.0.2.7")).toBe("192.0.2.7");
});

test("IPv6 addresses of one /64 count as one, however they are written", () => {
  const key = "2001:db8:0:1::/64";
  for (const address of ["2001:db8:0:1::1", "2001:DB8::1:0:0:0:2", "2001:db8:0:1:ffff:ffff:ffff:ffff%eth0"]) {
    expect(addressKey(address)).toBe(key);
  }
  expect(addressKey("2001:db8:0:2::1")).not.toBe(key);
  expect(addressKey("::1")).toBe("0:0:0:0::/64");
});

test("the host of a peer is what stands before its port", () => {
  expect(peerHost("127.0.0.1:4711")).toBe("127.0.0.1");
  expect(peerHost("::1:4711")).toBe("::1");
  expect(peerHost("unknown")).toBe("unknown");
});
