import { expect, test } from "vitest";
import { isPublicAddress } from "./public-address.ts";

test.each([
  ...[
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.0.1",
    "223.255.255.255",
  ],
  ...["2606:4700::1111", "2a00:1450:4001:81c::200e", "2003::1"],
])("%s is public", (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

test.each([
  ...[
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
  ],
  ...["192.168.1.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "203.0.113.9"],
  // This machine, private networks, links, multicast; and an inner IPv4 written as IPv6: mapped, translated, 6to4, Teredo.
  ...["::", "::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%lo", "ff02::1", "2001:db8::1"],
  ...["::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "::127.0.0.1"],
  ...["", "localhost", "127.1", "0x7f000001"],
])("%s is not", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});
