import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

/** One host of the test: a network namespace with one link. */
export type TestHost = { readonly name: string; readonly namespace: string; readonly address: string };

const ip = (...args: readonly string[]): void => {
  execFileSync("ip", [...args], { stdio: ["ignore", "ignore", "pipe"] });
};

/**
 * Hosts with a network of their own on this machine: a namespace each, joined by a bridge that lives in another one, so that
 * a host's cable can be pulled. This process takes part by a link of its own. Needs root and iproute2.
 */
export class HostNetwork {
  readonly hosts: readonly TestHost[];
  /** Where this process stands in that network. */
  readonly ownAddress: string;
  readonly #switch: string;
  readonly #ownLink: string;
  readonly #made: string[] = [];

  private constructor(names: readonly string[]) {
    const id = randomBytes(3).toString("hex");
    // A subnet of the range for benchmarks (RFC 2544), which nothing else on a machine uses.
    const subnet = `198.18.${randomBytes(1)[0]}`;
    this.#switch = `lt${id}sw`;
    this.#ownLink = `lt${id}o`;
    this.ownAddress = `${subnet}.254`;
    this.hosts = names.map((name, index) => ({
      name,
      namespace: `lt${id}h${index}`,
      address: `${subnet}.${index + 1}`,
    }));
  }

  static create(names: readonly string[]): HostNetwork {
    const network = new HostNetwork(names);
    try {
      network.#make();
      return network;
    } catch (error) {
      network.dispose();
      throw error;
    }
  }

  #make(): void {
    this.#namespace(this.#switch);
    const onSwitch = (...args: readonly string[]) => ip("-n", this.#switch, ...args);
    onSwitch("link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0");
    onSwitch("link", "set", "br0", "up");
    for (const { namespace, address } of this.hosts) {
      this.#namespace(namespace);
      onSwitch("link", "add", namespace, "type", "veth", "peer", "name", "eth0", "netns", namespace);
      onSwitch("link", "set", namespace, "master", "br0", "up");
      ip("-n", namespace, "link", "set", "lo", "up");
      ip("-n", namespace, "address", "add", `${address}/24`, "dev", "eth0");
      ip("-n", namespace, "link", "set", "eth0", "up");
    }
    ip("link", "add", this.#ownLink, "type", "veth", "peer", "name", "own", "netns", this.#switch);
    onSwitch("link", "set", "own", "master", "br0", "up");
    ip("address", "add", `${this.ownAddress}/24`, "dev", this.#ownLink);
    ip("link", "set", this.#ownLink, "up");
  }

  #namespace(name: string): void {
    ip("netns", "add", name);
    this.#made.push(name);
  }

  /** Pulls the host's cable: nothing goes in or out until `heal`. */
  cut(host: TestHost): void {
    ip("-n", this.#switch, "link", "set", host.namespace, "down");
  }

  heal(host: TestHost): void {
    ip("-n", this.#switch, "link", "set", host.namespace, "up");
  }

  /** The words that run a command on a host. */
  on(host: TestHost): readonly string[] {
    return ["nsenter", `--net=/run/netns/${host.namespace}`];
  }

  /** Removes every namespace; what still runs in one loses its network. */
  dispose(): void {
    for (const name of this.#made.splice(0)) {
      try {
        ip("netns", "delete", name);
      } catch {
        // Half made, or gone already.
      }
    }
  }
}
