/**
 * What bounds per address are counted by: an IPv4 address as it is (also when mapped into IPv6), an IPv6 address by its
 * /64, which is what one customer is given.
 */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array.from({ length: zeros }, () => "0"), ...back].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}

/** The address part of a grpc-js peer ("127.0.0.1:4711", "::1:4711"). */
export function peerHost(peer: string): string {
  const split = peer.lastIndexOf(":");
  return split < 0 ? peer : peer.slice(0, split);
}
