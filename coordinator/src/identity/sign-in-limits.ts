import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import type pg from "pg";
import { RateLimiterPostgres, RateLimiterRes } from "rate-limiter-flexible";

/** Attempts that fail in a row before an account rests, and from one network before that network does. */
export const ATTEMPTS_PER_ACCOUNT = 10;
export const ATTEMPTS_PER_ADDRESS = 50;
/** How long a count lasts, seconds. */
export const WINDOW_SECONDS = 10 * 60;

const TABLE = "sign_in_limit";

/**
 * What is guessed, each with a count of its own: a password at the sign-in, by the address of the account; a code, by the account's id;
 * the password of who is signed in, by the account's id; and what comes back from a provider, by the sign-in.
 */
export type GuessKind = "password" | "code" | "change" | "provider";

/** How often somebody may guess; counted in PostgreSQL, so that a restart forgets nothing. */
export class SignInLimits {
  readonly #perAccount: RateLimiterPostgres;
  readonly #perAddress: RateLimiterPostgres;

  private constructor(pool: pg.Pool) {
    const common = {
      storeClient: pool,
      storeType: "pool",
      schemaName: "auth",
      tableName: TABLE,
      tableCreated: true,
      duration: WINDOW_SECONDS,
      clearExpiredByTimeout: true,
    };
    this.#perAccount = new RateLimiterPostgres({ ...common, keyPrefix: "account", points: ATTEMPTS_PER_ACCOUNT });
    this.#perAddress = new RateLimiterPostgres({
      ...common,
      keyPrefix: "address",
      points: ATTEMPTS_PER_ADDRESS,
      clearExpiredByTimeout: false,
    });
  }

  /** Makes the table when it is missing. */
  static async open(pool: pg.Pool): Promise<SignInLimits> {
    await pool.query(
      `create table if not exists auth.${TABLE} (key varchar(255) primary key, points integer not null default 0, expire bigint)`,
    );
    return new SignInLimits(pool);
  }

  /**
   * Counts an attempt before the password is looked at, so that guesses side by side count too. Resolves with 0 when it
   * may go on, else with the milliseconds to wait. Rejects when the database does not answer.
   */
  async attempt(kind: GuessKind, of: string, address: string): Promise<number> {
    const waits = await Promise.all([
      waitMs(this.#perAddress.consume(networkOf(address))),
      waitMs(this.#perAccount.consume(accountKey(kind, of))),
    ]);
    return Math.max(...waits);
  }

  /** The same for what has counted its network already: the second step of what began with attempt(). */
  async step(kind: GuessKind, of: string): Promise<number> {
    return waitMs(this.#perAccount.consume(accountKey(kind, of)));
  }

  /** Forgets an account's attempts of the kind, and gives the network its one back, after one that was right. */
  async succeeded(kind: GuessKind, of: string, address: string): Promise<void> {
    await Promise.all([this.#perAccount.delete(accountKey(kind, of)), this.#perAddress.reward(networkOf(address))]);
  }
}

async function waitMs(consumed: Promise<unknown>): Promise<number> {
  try {
    await consumed;
    return 0;
  } catch (refused) {
    if (refused instanceof RateLimiterRes) return Math.max(1, refused.msBeforeNext);
    throw refused;
  }
}

/** Accounts are kept as digests: what people type there is sometimes a password. */
function accountKey(kind: GuessKind, of: string): string {
  return createHash("sha256").update(`${kind}:${of}`).digest("hex").slice(0, 32);
}

/** The network that counts as one guesser: an IPv4 address, or the /64 of an IPv6 one. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.toLowerCase().split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(Math.max(0, missing)).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
