import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { attempted, bounded } from "../command/bounded-command.ts";
import { LinkFaults } from "./link-faults.ts";

/** One host in the network: a namespace with one link. */
export type NetworkHost = { readonly name: string; readonly namespace: string; readonly address: string };

/** All that is needed to find a network again. */
export type NetworkPlan = { readonly id: string; readonly subnet: string; readonly names: readonly string[] };

/** Hosts in one network: addresses .1 to .200; .254 is this machine's. */
const HOSTS_MAX = 200;
const NAMESPACES = "/run/netns";

/**
 * Hosts with a network of their own on this machine: a namespace each, joined by a bridge that lives in another one, so that
 * a host's cable can be pulled. This machine takes part by a link of its own. Needs root and iproute2.
 */
export class HostNetwork {
  readonly hosts: readonly NetworkHost[];
  /** Where this machine stands in that network. */
  readonly ownAddress: string;
  readonly plan: NetworkPlan;
  readonly #switch: string;
  readonly #ownLink: string;

  private constructor(plan: NetworkPlan) {
    const { id, subnet, names } = plan;
    if (names.length > HOSTS_MAX) throw new Error(`${names.length} hosts; at most ${HOSTS_MAX}`);
    this.plan = plan;
    this.#switch = `ll${id}sw`;
    this.#ownLink = `ll${id}o`;
    this.ownAddress = `${subnet}.254`;
    this.hosts = names.map((name, index) => ({
      name,
      namespace: `ll${id}h${index}`,
      address: `${subnet}.${index + 1}`,
    }));
  }

  /** Where a network with these hosts would be; makes nothing, so that the plan can be kept before anything exists. */
  static planFor(names: readonly string[]): NetworkPlan {
    return { id: randomBytes(3).toString("hex"), subnet: freeSubnet(), names };
  }

  static create(names: readonly string[]): HostNetwork {
    return HostNetwork.make(HostNetwork.planFor(names));
  }

  static make(plan: NetworkPlan): HostNetwork {
    const network = new HostNetwork(plan);
    try {
      network.#make();
      return network;
    } catch (error) {
      network.dispose();
      throw error;
    }
  }

  /** A network that was made before, by this process or another one. */
  static open(plan: NetworkPlan): HostNetwork {
    return new HostNetwork(plan);
  }

  host(name: string): NetworkHost {
    const found = this.hosts.find((host) => host.name === name);
    if (!found) throw new Error(`there is no host ${name}: choose among ${this.plan.names.join(", ")}`);
    return found;
  }

  /** What can be done to a host's link with its carrier kept. */
  faults(host: NetworkHost): LinkFaults {
    return new LinkFaults(host.namespace, this.#switch);
  }

  #make(): void {
    this.#namespace(this.#switch);
    const bridge = ["stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"];
    this.#onSwitch("link", "add", "br0", "type", "bridge", ...bridge);
    this.#onSwitch("link", "set", "br0", "up");
    for (const host of this.hosts) this.#attach(host);
    bounded("ip", "link", "add", this.#ownLink, "type", "veth", "peer", "name", "own", "netns", this.#switch);
    this.#onSwitch("link", "set", "own", "master", "br0", "up");
    bounded("ip", "address", "add", `${this.ownAddress}/24`, "dev", this.#ownLink);
    bounded("ip", "link", "set", this.#ownLink, "up");
  }

  #attach({ namespace, address }: NetworkHost): void {
    this.#namespace(namespace);
    const card = ["name", "eth0", "address", macOf(address), "netns", namespace];
    this.#onSwitch("link", "add", namespace, "type", "veth", "peer", ...card);
    this.#onSwitch("link", "set", namespace, "master", "br0", "up");
    bounded("ip", "-n", namespace, "link", "set", "lo", "up");
    bounded("ip", "-n", namespace, "address", "add", `${address}/24`, "dev", "eth0");
    bounded("ip", "-n", namespace, "link", "set", "eth0", "up");
  }

  #onSwitch(...args: readonly string[]): void {
    bounded("ip", "-n", this.#switch, ...args);
  }

  #namespace(name: string): void {
    bounded("ip", "netns", "add", name);
  }

  /** Pulls the host's cable: nothing goes in or out until `heal`. */
  cut(host: NetworkHost): void {
    this.#onSwitch("link", "set", host.namespace, "down");
  }

  heal(host: NetworkHost): void {
    this.#onSwitch("link", "set", host.namespace, "up");
  }

  /** Makes the card of a host whose power is off anew: no rule, connection or neighbour that it had is left, but its MAC. */
  replace(host: NetworkHost): void {
    removeNamespace(host.namespace);
    attempted("ip", "-n", this.#switch, "link", "delete", host.namespace);
    this.#attach(host);
  }

  /** The words that run a command on a host. */
  on(host: NetworkHost): readonly string[] {
    return ["nsenter", `--net=${NAMESPACES}/${host.namespace}`];
  }

  /** Removes every namespace; what still runs in one loses its network. */
  dispose(): void {
    for (const { namespace } of this.hosts) removeNamespace(namespace);
    removeNamespace(this.#switch);
    // Its other end may stay in a namespace that a dying process still holds.
    if (existsSync(`/sys/class/net/${this.#ownLink}`)) attempted("ip", "link", "delete", this.#ownLink);
  }
}

function removeNamespace(name: string): void {
  if (existsSync(`${NAMESPACES}/${name}`)) attempted("ip", "netns", "delete", name);
}

/** A subnet of the range for benchmarks (RFC 2544), which nothing else uses, that no other network of ours has. */
/**
 * The MAC of a host's card, the same after every boot, as with a real one: the others remember where an address is for up to a
 * minute, and would send into the void for as long to a host that is back with another.
 */
function macOf(address: string): string {
  const octets = address.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
  return ["02", "00", ...octets].join(":");
}

function freeSubnet(): string {
  const taken = bounded("ip", "-o", "-4", "address", "show");
  for (const third of randomBytes(64)) {
    const subnet = `198.18.${third}`;
    if (!taken.includes(` ${subnet}.`)) return subnet;
  }
  throw new Error("no subnet of 198.18.0.0/16 is free: end other labs (npm run lab -- down)");
}
