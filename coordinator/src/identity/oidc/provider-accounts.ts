import { generateRandomString } from "better-auth/crypto";
import type pg from "pg";
import { ROLE_NAMES, type RoleName } from "../../permissions/role.ts";
import type { AuthUser } from "../auth-audit.ts";
import type { AuthServer } from "../auth-server.ts";
import { inTransaction } from "../auth-transaction.ts";
import { isEmailAddress } from "../email-address.ts";
import { PEOPLE_MAX } from "../people.ts";
import { wasRemoved } from "../removed-subjects.ts";
import type { Claims } from "./oidc-client.ts";
import type { ProviderConfig } from "./provider-config.ts";
import { ProviderProblem } from "./provider-problem.ts";

/** What has to be audited before it happens. */
export type AccountChange = { readonly what: "create-account" | "link-account"; readonly role: string };

/** Whose account somebody's is whom a provider has signed in. */
export class ProviderAccounts {
  readonly #server: AuthServer;

  constructor(server: AuthServer) {
    this.#server = server;
  }

  /**
   * The account that was linked with this subject before; else the one of the verified address, where the configuration links
   * those and the issuer has no other subject for it; else a new one, with the configured role and nothing more, and with none where
   * an account of this subject was removed. `audit` is told before anything is made or linked. Rejects with a ProviderProblem:
   * email_not_verified, email_unusable, account_exists, accounts_full.
   */
  async of(
    config: ProviderConfig,
    claims: Claims,
    audit: (user: AuthUser, change: AccountChange) => Promise<void>,
  ): Promise<AuthUser> {
    const linked = await this.#linked(config, claims.subject);
    if (linked !== null) return linked;
    if (!claims.emailVerified || claims.email === "") {
      throw new ProviderProblem(
        "email_not_verified",
        `${config.issuer} has not verified ${claims.email === "" ? "any address" : shown(claims.email)}`,
      );
    }
    if (!isEmailAddress(claims.email)) {
      throw new ProviderProblem("email_unusable", `no account can have the address ${shown(claims.email)}`);
    }
    const email = claims.email.toLowerCase();
    const { internalAdapter } = await this.#server.auth.$context;
    const found = await internalAdapter.findUserByEmail(email);
    if (found !== null) {
      const user = { id: found.user.id, name: found.user.email };
      if (!config.linkByEmail) {
        throw new ProviderProblem("account_exists", `${email} has an account, and ${config.id} links none`);
      }
      await this.#link(config, claims, user, () => audit(user, { what: "link-account", role: "" }));
      return user;
    }
    if ((await internalAdapter.countTotalUsers()) >= PEOPLE_MAX) {
      throw new ProviderProblem("accounts_full", `${PEOPLE_MAX} accounts are there already`);
    }
    const removed = await wasRemoved(this.#server.pool, providerId(config.issuer), claims.subject);
    const role = removed ? null : firstRoleOf(config, claims);
    await audit({ id: "", name: email }, { what: "create-account", role: role ?? "" });
    const made = await internalAdapter
      .createUser(
        { email, name: claims.name || email, emailVerified: true, role, mustChangePassword: false },
        {
          method: "oauth",
          oauth: { providerId: config.id },
        },
      )
      .catch(async (error: unknown) => {
        // Of two of one address at once the table lets one in.
        if (!(await internalAdapter.findUserByEmail(email))) throw error;
        throw new ProviderProblem("account_exists", `${email} was made an account at the same time`, { cause: error });
      });
    const user = { id: made.id, name: made.email };
    await this.#link(config, claims, user, async () => {});
    return user;
  }

  async #linked({ issuer }: ProviderConfig, subject: string): Promise<AuthUser | null> {
    const { rows } = await this.#server.pool.query<AuthUser>(
      `select u.id, u.email as name from account a join "user" u on u.id = a."userId"
        where a."providerId" = $1 and a."accountId" = $2 limit 1`,
      [providerId(issuer), subject],
    );
    return rows[0] ?? null;
  }

  /** An issuer has one subject for an account: who gets a freed address there is somebody else. */
  async #link(
    { id, issuer }: ProviderConfig,
    { subject }: Claims,
    user: AuthUser,
    audit: () => Promise<void>,
  ): Promise<void> {
    await inTransaction(this.#server.pool, async (client) => {
      // One after the other: two subjects at once must not both find the account free.
      await client.query('select from "user" where id = $1 for no key update', [user.id]);
      const { rows } = await client.query<{ subject: string }>(
        `select "accountId" as subject from account where "userId" = $1 and "providerId" = $2`,
        [user.id, providerId(issuer)],
      );
      if (rows.some((linked) => linked.subject !== subject)) {
        throw new ProviderProblem("account_exists", `${user.name} is linked with another subject of ${id}`);
      }
      // Of two sign-ins at once the other one was faster.
      if (rows.length > 0) return;
      await audit();
      await client.query(
        `insert into account (id, "providerId", "accountId", "userId", "createdAt", "updatedAt")
         values ($1, $2, $3, $4, now(), now())`,
        [generateRandomString(32), providerId(issuer), subject, user.id],
      );
      await voidFirstPassword(client, user.id);
    });
  }
}

/**
 * A first password that was never changed may never have reached its owner. He has another way in now: it opens nothing any more,
 * and nothing asks him to change it.
 */
async function voidFirstPassword(client: pg.PoolClient, userId: string): Promise<void> {
  const { rowCount } = await client.query(
    `update "user" set "mustChangePassword" = false where id = $1 and "mustChangePassword"`,
    [userId],
  );
  if (rowCount === 0) return;
  await client.query(`delete from account where "userId" = $1 and "providerId" = 'credential'`, [userId]);
}

/** The mightiest that the mapping gives, else the configured one; null: none. */
function firstRoleOf({ firstRole, firstRoles }: ProviderConfig, { groups }: Claims): RoleName | null {
  const mapped = new Set(
    groups.map((group) => (Object.hasOwn(firstRoles?.map ?? {}, group) ? firstRoles?.map[group] : null)),
  );
  return ROLE_NAMES.find((name) => mapped.has(name)) ?? (firstRole === "none" ? null : firstRole);
}

/** Of an address that may be anything, what can be written down. */
const shown = (email: string): string => JSON.stringify(email.slice(0, 64));

/** By the issuer, not by what the configuration calls it: a subject is somebody at one issuer alone. */
const providerId = (issuer: string): string => `oidc ${issuer}`;
