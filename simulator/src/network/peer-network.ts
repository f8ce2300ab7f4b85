import type { PeerAnswer, PeerAnswering, PeerPlane } from "@lormas/agent/peers/peer-plane.ts";
import type { Voter } from "@lormas/lease/membership.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";
import type { Network } from "./network.ts";

/** Whom a node asks. */
export type AskedVoters = {
  readonly voters: readonly Voter[];
  /** Since when, in true time. */
  readonly sinceMs: number;
};

type Listening = { readonly process: SimulatedProcess; readonly answering: PeerAnswering };

/** What lies between agents that ask each other: a connection a question, over the same links as everything else. */
export class PeerNetwork {
  readonly #network: Network;
  /** By host: who listens there now. */
  readonly #listening = new Map<string, Listening>();
  readonly #asked = new Map<string, AskedVoters>();
  readonly #hostOf: (nodeId: string) => string | undefined;

  constructor(network: Network, hostOf: (nodeId: string) => string | undefined) {
    this.#network = network;
    this.#hostOf = hostOf;
  }

  /** Whom the agent of a host asks, as it last knew. */
  askedBy(host: string): AskedVoters | undefined {
    return this.#asked.get(host);
  }

  /** The plane of one run of an agent. */
  plane(host: string, process: SimulatedProcess): PeerPlane {
    return {
      address: `${host}:7446`,
      serve: (answering) => void this.#listening.set(host, { process, answering }),
      prepare: () => undefined,
      keep: (voters) => void this.#asked.set(host, { voters, sinceMs: this.#network.time.nowMs() }),
      ask: (voter, question, timeoutMs) =>
        new Promise<PeerAnswer | null>((resolve) => {
          const to = this.#hostOf(voter.nodeId);
          if (to === undefined) return resolve(null);
          const up = this.#network.pipe(host, to);
          const down = this.#network.pipe(to, host);
          const cancel = process.after(timeoutMs, () => {
            up.close();
            down.close();
            resolve(null);
          });
          process.emit(() =>
            up.send("asks for a vote", () => {
              const listening = this.#listening.get(to);
              listening?.process.enter(() => {
                const answer = listening.answering(question);
                listening.process.emit(() =>
                  down.send("vote", () =>
                    process.enter(() => {
                      cancel();
                      up.close();
                      down.close();
                      resolve(answer);
                    }),
                  ),
                );
              });
            }),
          );
        }),
    };
  }
}
