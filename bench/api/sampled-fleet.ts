import pg from "pg";
import type { BenchRun } from "../frame/bench-run.ts";
import { storedFleet } from "./stored-fleet.ts";

/** Containers that are asked for and that events are about. */
const SAMPLED = 1_000;

/** A stored fleet with a connection to its database, and some of its containers, drawn alike in every run. */
export type SampledFleet = {
  readonly url: string;
  readonly client: pg.Client;
  readonly sampled: readonly { readonly id: string; readonly name: string }[];
};

/** As many nodes and containers as the run's sizes say; ends with the part. */
export async function sampledFleet(part: BenchRun): Promise<SampledFleet> {
  const { nodes, containers } = part.sizes;
  const url = await storedFleet(part, nodes, containers);
  part.say(`${nodes} nodes and ${containers} containers are stored`);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  part.defer(() => client.end());
  const { rows } = await client.query<{ id: string; name: string }>(
    `select id, name from container order by md5(name) limit ${SAMPLED}`,
  );
  return { url, client, sampled: rows };
}
