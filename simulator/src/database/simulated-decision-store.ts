import type { LeadershipRecord } from "@lormas/coordinator/domain/leadership/leader-lease.ts";
import {
  type DecisionChanges,
  type DecisionStore,
  type HealthSample,
  type LoadedFleet,
  StaleTermError,
} from "@lormas/coordinator/runtime/decision-store.ts";
import type { Network } from "../network/network.ts";
import type { SimulatedProcess } from "../process/simulated-process.ts";
import { type Answer, DatabaseSession } from "./database-session.ts";
import type { LockMode } from "./row-lock.ts";
import type { SimulatedDatabase, Transaction } from "./simulated-database.ts";
import type { StoredFleet } from "./stored-fleet.ts";

export type DecisionStoreParts = {
  readonly process: SimulatedProcess;
  readonly host: string;
  readonly network: Network;
  readonly database: SimulatedDatabase;
  /** Looks at a decision in the moment in which it is committed, before its writer knows. */
  readonly onCommit: (changes: DecisionChanges, term: number) => void;
};

/** One coordinator's way to the simulated database, with the transactions of PostgresDecisionStore. */
export class SimulatedDecisionStore implements DecisionStore {
  readonly #parts: DecisionStoreParts;

  constructor(parts: DecisionStoreParts) {
    this.#parts = parts;
  }

  commit(term: number, changes: DecisionChanges): Promise<void> {
    return this.#withSession(async (session) => {
      const held = await session.ask<boolean>("select for key share", (answer) =>
        this.#begin(session, "key share", answer, (fleet) => fleet.leadership?.term === term),
      );
      if (!held) throw new StaleTermError(term);
      await this.#commit(session, (fleet) => {
        fleet.apply(changes);
        this.#parts.onCommit(changes, term);
      });
    });
  }

  load(): Promise<LoadedFleet> {
    return this.#withSession(async (session) => {
      const loaded = await session.ask<LoadedFleet>("select for update", (answer) =>
        this.#begin(session, "update", answer, (fleet) => fleet.load()),
      );
      await this.#commit(session, () => undefined);
      return loaded;
    });
  }

  readLeadership(): Promise<LeadershipRecord | null> {
    return this.#single((fleet, answer) => answer({ value: fleet.leadership }));
  }

  takeLeadership(seen: LeadershipRecord | null, instance: string, ttlMs: number): Promise<LeadershipRecord | null> {
    return this.#withSession(async (session) => {
      const row = await session.ask<LeadershipRecord | null>("select for update", (answer) =>
        this.#begin(session, "update", answer, (fleet) => fleet.leadership),
      );
      const unchanged =
        seen === null
          ? (row?.term ?? 0) === 0
          : row?.holder === seen.holder && row.term === seen.term && row.renewals === seen.renewals;
      if (!unchanged) return null;
      const taken = { holder: instance, term: (row?.term ?? 0) + 1, renewals: 0, ttlMs };
      await this.#commit(session, (fleet) => {
        fleet.leadership = taken;
      });
      return taken;
    });
  }

  renewLeadership(instance: string, term: number): Promise<boolean> {
    return this.#update((fleet) => {
      const row = fleet.leadership;
      if (row?.holder !== instance || row.term !== term) return false;
      fleet.leadership = { ...row, renewals: row.renewals + 1 };
      return true;
    });
  }

  async releaseLeadership(instance: string, term: number): Promise<void> {
    await this.#update((fleet) => {
      const row = fleet.leadership;
      if (row?.holder === instance && row.term === term) fleet.leadership = { ...row, holder: null };
    });
  }

  flushHealth(term: number, samples: Iterable<HealthSample>): Promise<void> {
    return this.#withSession(async (session) => {
      const held = await session.ask<boolean>("select for key share", (answer) =>
        this.#begin(session, "key share", answer, (fleet) => fleet.leadership?.term === term),
      );
      if (!held) throw new StaleTermError(term);
      await this.#commit(session, (fleet) => fleet.storeHealth([...samples]));
    });
  }

  /** Tokens of the simulated fleet are the name of their cluster. */
  tokenCluster(tokenHash: string): Promise<string | null> {
    return this.#single((fleet, answer) => answer({ value: fleet.clusters.has(tokenHash) ? tokenHash : null }));
  }

  /** A statement of its own that takes no lock. */
  #single<T>(work: (fleet: StoredFleet, answer: Answer<T>) => void): Promise<T> {
    const { database } = this.#parts;
    return this.#withSession((session) => session.ask("select", (answer) => work(database.fleet, answer)));
  }

  /** An UPDATE of the leadership row, which commits itself. */
  #update<T>(write: (fleet: StoredFleet) => T): Promise<T> {
    const { database } = this.#parts;
    return this.#withSession((session) =>
      session.ask<T>("update", (answer) =>
        database.begin(
          "no key update",
          (transaction) => {
            let value: T | undefined;
            transaction.commit((fleet) => {
              value = write(fleet);
            });
            answer({ value: value as T });
          },
          () => answer({ error: new Error("canceling statement due to statement timeout") }),
        ),
      ),
    );
  }

  /** The first statement of a transaction: waits for the row, then answers what it finds. */
  #begin<T>(session: DatabaseSession, mode: LockMode, answer: Answer<T>, read: (fleet: StoredFleet) => T): void {
    const { database } = this.#parts;
    database.begin(
      mode,
      (transaction: Transaction) => {
        session.transaction = transaction;
        answer({ value: read(database.fleet) });
      },
      () => answer({ error: new Error("canceling statement due to statement timeout") }),
    );
  }

  #commit(session: DatabaseSession, write: (fleet: StoredFleet) => void): Promise<void> {
    const { database } = this.#parts;
    return session.ask<void>("commit", (answer) => {
      const fate = database.fateOfCommit();
      const { transaction } = session;
      session.transaction = null; // Over on the server, in whichever way.
      if (fate === "lost") {
        transaction?.rollback();
        return answer({ error: new Error("terminating connection due to administrator command") });
      }
      if (!transaction?.commit(write)) {
        return answer({ error: new Error("terminating connection due to idle-in-transaction timeout") });
      }
      if (fate === "stored, answer lost") return answer({ error: new Error("Connection terminated unexpectedly") });
      answer({ value: undefined });
    });
  }

  async #withSession<T>(work: (session: DatabaseSession) => Promise<T>): Promise<T> {
    const { process, host, network, database } = this.#parts;
    const session = new DatabaseSession(process, host, network, database);
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }
}
