import { Code, ConnectError } from "@connectrpc/connect";
import { CliFailure } from "../cli-failure.ts";
import type { ApiClient } from "../client/api-client.ts";
import { errorDetailOf } from "../client/api-failure.ts";
import { exitCode } from "../exit-code.ts";
import { allPages } from "./all-pages.ts";

/** What has a name or an id that may be shortened. */
export type Kind = "container" | "node" | "cluster" | "migration" | "alert" | "egg";

/** Something of that kind; an egg, a migration and an alert have no name but their id. */
export interface Candidate {
  readonly id: string;
  readonly name: string;
}

/**
 * How short a name may be written. `loose`: any beginning of a name or an id. `strict`, for what ends or moves something:
 * the whole name, the whole id, or at least 8 characters of an id.
 */
export type Shortening = "loose" | "strict";

/** The least of an id that a command which ends or moves something takes. */
export const STRICT_ID_MIN = 8;
/** Candidates that an ambiguous name lists. */
export const CANDIDATES_SHOWN_MAX = 10;
/** Migrations and alerts, the newest first, that are looked through. */
const NEWEST_MAX = 10_000;

/**
 * Calls with what was given; when nothing has exactly that name or id, looks for the one thing whose name or id begins
 * with it and calls again. Whole names and ids therefore always win, and cost nothing. A CliFailure when several begin so.
 *
 * @param field the request's field that names it, as errors call it
 */
export async function withPrefix<T>(
  api: ApiClient,
  kind: Kind,
  given: string,
  shortening: Shortening,
  call: (id: string) => Promise<T>,
  field = "id",
): Promise<T> {
  try {
    return await call(given);
  } catch (error) {
    // Nothing was done: what was named is not there.
    const detail = errorDetailOf(error);
    if (ConnectError.from(error).code !== Code.NotFound || given === "") throw error;
    if (detail !== undefined && detail.field !== "" && detail.field !== field) throw error;
    const found = chooseCandidate(kind, given, shortening, await candidatesOf(api, kind));
    if (found === undefined) throw error;
    return await call(found.id);
  }
}

/** The one candidate that is meant; undefined when none is. A CliFailure when several are, or when too little was given. */
export function chooseCandidate(
  kind: Kind,
  given: string,
  shortening: Shortening,
  candidates: readonly Candidate[],
): Candidate | undefined {
  const begins = candidates.filter(({ id, name }) => id.startsWith(given.toLowerCase()) || name.startsWith(given));
  const meant =
    shortening === "loose"
      ? begins
      : begins.filter(({ id }) => given.length >= STRICT_ID_MIN && id.startsWith(given.toLowerCase()));
  if (meant.length === 1) return meant[0];
  if (meant.length > 1) {
    throw new CliFailure(
      exitCode.usage,
      `${meant.length} ${kind}s begin with ${JSON.stringify(given)}: ${listed(meant)}`,
      "give more of it",
    );
  }
  if (begins.length === 0) return undefined;
  throw new CliFailure(
    exitCode.notFound,
    `there is no ${kind} ${JSON.stringify(given)}; this command takes the whole name, or ${STRICT_ID_MIN} and more characters of an id`,
    `did you mean ${listed(begins)}?`,
  );
}

function listed(candidates: readonly Candidate[]): string {
  const shown = candidates
    .slice(0, CANDIDATES_SHOWN_MAX)
    .map(({ id, name }) => (name === "" || name === id ? id : `${name} (${id})`));
  const more = candidates.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Everything of a kind that the coordinator lists; of migrations and alerts the newest 10,000. */
export async function candidatesOf(api: ApiClient, kind: Kind, countMax = NEWEST_MAX): Promise<Candidate[]> {
  switch (kind) {
    case "container":
      return await allPages(async (page) => {
        const { containers, nextPageToken } = await api.containers.listContainers(page);
        return { things: containers, nextPageToken };
      });
    case "node":
      return await allPages(async (page) => {
        const { nodes, nextPageToken } = await api.nodes.listNodes(page);
        return { things: nodes, nextPageToken };
      });
    case "cluster":
      return await allPages(async (page) => {
        const { clusters, nextPageToken } = await api.clusters.listClusters(page);
        return { things: clusters, nextPageToken };
      });
    case "egg":
      return await allPages(async (page) => {
        const { eggs, nextPageToken } = await api.eggs.listEggs(page);
        return { things: eggs.map(({ id }) => ({ id, name: id })), nextPageToken };
      });
    case "migration":
      return await allPages(async (page) => {
        const { migrations, nextPageToken } = await api.migrations.listMigrations(page);
        return { things: migrations.map(({ id }) => ({ id, name: "" })), nextPageToken };
      }, countMax);
    case "alert":
      return await allPages(async (page) => {
        const { alerts, nextPageToken } = await api.alerts.listAlerts({ ...page, includeResolved: true });
        return { things: alerts.map(({ id }) => ({ id, name: "" })), nextPageToken };
      }, countMax);
  }
}
