import { attempted, bounded } from "../command/bounded-command.ts";

/** One rule of a host's own packet filter, without the word that adds or removes it. */
type Rule = { readonly table: string; readonly chain: string; readonly words: readonly string[] };

/** Where a packet that comes in, goes out by a process, or goes out by a container passes. */
const IN = { table: "raw", chain: "PREROUTING", words: ["-i", "eth0"] } as const;
const OUT = { table: "raw", chain: "OUTPUT", words: ["-o", "eth0"] } as const;
const FORWARDED = { table: "mangle", chain: "FORWARD", words: ["-o", "eth0"] } as const;

/** A line of 32 kbit/s that takes in 3 s of traffic before it drops: a heartbeat of 500 bytes is on its way for 0.13 s. */
const SLOW = ["tbf", "rate", "32kbit", "burst", "1600", "latency", "3000ms"];

/** Faults of one link whose carrier stays: nobody on the host is told that anything is wrong. */
export class LinkFaults {
  readonly #namespace: string;
  readonly #switch: string;

  constructor(namespace: string, switchNamespace: string) {
    this.#namespace = namespace;
    this.#switch = switchNamespace;
  }

  /** "in": the host hears nothing; "out": nobody hears the host. */
  cutOneWay(direction: "in" | "out"): void {
    for (const rule of direction === "in" ? [IN] : [OUT, FORWARDED]) this.#add(rule, ["-j", "DROP"]);
  }

  /** Loses this share of the packets (0 to 1), each way by itself. */
  lossy(share: number): void {
    const match = ["-m", "statistic", "--mode", "random", "--probability", share.toFixed(4), "-j", "DROP"];
    for (const rule of [IN, OUT, FORWARDED]) this.#add(rule, match);
  }

  /** A line so slow that packets queue for seconds, both ways. */
  slow(): void {
    bounded("tc", "-n", this.#namespace, "qdisc", "replace", "dev", "eth0", "root", ...SLOW);
    bounded("tc", "-n", this.#switch, "qdisc", "replace", "dev", this.#namespace, "root", ...SLOW);
  }

  heal(): void {
    for (const { table, chain } of [IN, OUT, FORWARDED]) {
      this.#iptables("-t", table, "-F", chain);
    }
    attempted("tc", "-n", this.#namespace, "qdisc", "delete", "dev", "eth0", "root");
    attempted("tc", "-n", this.#switch, "qdisc", "delete", "dev", this.#namespace, "root");
  }

  #add({ table, chain, words }: Rule, what: readonly string[]): void {
    this.#iptables("-t", table, "-A", chain, ...words, ...what);
  }

  // By nsenter: `ip netns exec` would mount another /sys, which iptables does not need and which takes time.
  #iptables(...args: readonly string[]): void {
    bounded("nsenter", `--net=/run/netns/${this.#namespace}`, "iptables", "-w", "5", ...args);
  }
}
