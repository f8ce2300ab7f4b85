import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import type { SealedText, WrappedKey } from "../../domain/sealed-text.ts";

/** A call that its caller has given a name, so that it can be sent again: what was asked, and what was answered. */
export const NamedRequestEntity = defineEntity({
  name: "NamedRequest",
  tableName: "named_request",
  properties: {
    /** The kind and the id of the caller: names are each caller's own. */
    caller: p.string().length(400).primary(),
    requestId: p.uuid().primary(),
    method: p.string().length(128),
    /** What both of these are sealed with: a request or an answer may hold secrets. */
    secretKey: p.json<WrappedKey>(),
    /** A digest of the request. */
    digest: p.json<SealedText>(),
    /** Null: it is under way, or nobody knows how it ended. */
    answer: p.json<SealedText>().nullable(),
    /** Since when somebody is at it; whoever takes it over sets it anew. */
    begunAt: p.datetime(),
    createdAt: p.datetime().index(),
  },
});
export type NamedRequestRow = InferEntity<typeof NamedRequestEntity>;
