import type { SealedText, WrappedKey } from "../domain/sealed-text.ts";
import { NamedRequestEntity } from "./entities/request-entities.ts";
import type { DatabaseOrm } from "./open-database.ts";

/** How long a name stands for the call that it was given to first. */
export const REQUEST_NAMED_MS = 86_400_000;
/** Names that one caller may have at a time. */
export const NAMED_REQUESTS_MAX = 10_000;

export type RequestName = { readonly caller: string; readonly requestId: string };

export type NamedRequest = {
  readonly method: string;
  readonly secretKey: WrappedKey;
  readonly digest: SealedText;
  /** Null: it is under way, or nobody knows how it ended. */
  readonly answer: SealedText | null;
};

/** Keeps what was asked and answered under the names that callers give their calls. */
export class NamedRequestStore {
  readonly #orm: DatabaseOrm;

  constructor(orm: DatabaseOrm) {
    this.#orm = orm;
  }

  /**
   * Notes a call before it does anything. "begun": it is the first of this name within REQUEST_NAMED_MS; "full": the caller has
   * NAMED_REQUESTS_MAX names already; otherwise what is known of the first.
   */
  async begin(
    { caller, requestId }: RequestName,
    request: Omit<NamedRequest, "answer">,
    nowMs: number,
  ): Promise<"begun" | "full" | NamedRequest> {
    const em = this.#orm.em.fork();
    const now = new Date(nowMs);
    await em.nativeDelete(NamedRequestEntity, {
      caller,
      requestId,
      createdAt: { $lt: new Date(nowMs - REQUEST_NAMED_MS) },
    });
    const begun = await em.execute<unknown[]>(
      `insert into named_request (caller, request_id, method, secret_key, digest, begun_at, created_at)
       select ?::text, ?::uuid, ?::text, ?::jsonb, ?::jsonb, ?::timestamptz, ?::timestamptz
        where (select count(*) from (select from named_request where caller = ?::text limit ?::int) one) < ?::int
       on conflict do nothing returning 1`,
      [
        ...[caller, requestId, request.method, JSON.stringify(request.secretKey), JSON.stringify(request.digest)],
        ...[now, now, caller, NAMED_REQUESTS_MAX, NAMED_REQUESTS_MAX],
      ],
    );
    if (begun.length > 0) return "begun";
    const row = await em.findOne(NamedRequestEntity, { caller, requestId });
    if (row === null) return "full";
    const { method, secretKey, digest, answer } = row;
    return { method, secretKey, digest, answer: answer ?? null };
  }

  /** Takes over a call that was begun before, of which nobody knows how it ended. False: somebody else has, or it is answered. */
  async takeOver({ caller, requestId }: RequestName, begunBeforeMs: number, nowMs: number): Promise<boolean> {
    const taken = await this.#orm.em
      .fork()
      .nativeUpdate(
        NamedRequestEntity,
        { caller, requestId, answer: null, begunAt: { $lt: new Date(begunBeforeMs) } },
        { begunAt: new Date(nowMs) },
      );
    return taken === 1;
  }

  async answered({ caller, requestId }: RequestName, answer: SealedText): Promise<void> {
    await this.#orm.em.fork().nativeUpdate(NamedRequestEntity, { caller, requestId }, { answer });
  }

  /** The call has changed nothing: its name is free again. */
  async refused({ caller, requestId }: RequestName): Promise<void> {
    await this.#orm.em.fork().nativeDelete(NamedRequestEntity, { caller, requestId });
  }

  /** Nobody is at the call any more, and nobody knows how it ended: the next of this name takes it over at once. */
  async unsettled({ caller, requestId }: RequestName): Promise<void> {
    await this.#orm.em
      .fork()
      .nativeUpdate(NamedRequestEntity, { caller, requestId, answer: null }, { begunAt: new Date(0) });
  }
}
