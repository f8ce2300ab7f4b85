import { BlockList, isIP } from "node:net";

/** IPv4 that is of this machine, of a private network, or of nobody (RFC 6890). */
const INNER_V4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ...["192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
  ...["224.0.0.0/4", "240.0.0.0/4"],
];
/** IPv6 that is public, and what of it is not: ways to reach an IPv4 through it, and examples. */
const OUTER_V6 = ["2000::/3"];
const INNER_V6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

const innerV4 = ranges(INNER_V4, "ipv4");
const innerV6 = ranges(INNER_V6, "ipv6");
const outerV6 = ranges(OUTER_V6, "ipv6");

/** Whether an address is one of the internet, and so the same from everywhere. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !innerV4.check(address, "ipv4");
    case 6:
      return outerV6.check(address, "ipv6") && !innerV6.check(address, "ipv6");
    default:
      return false;
  }
}

function ranges(all: readonly string[], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const one of all) {
    const [network = "", bits = ""] = one.split("/");
    list.addSubnet(network, Number(bits), family);
  }
  return list;
}
