import type { Event } from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import type { Lab } from "../lab.ts";

const PAGE_SIZE = 1_000;

/** Every event of a lab's fleet with a higher number than this, in order. */
export async function eventsAfter(lab: Lab, first: bigint): Promise<Event[]> {
  const all: Event[] = [];
  for (let after = first; ; ) {
    const { events } = await lab.api().events.listEvents({ after, pageSize: PAGE_SIZE });
    all.push(...events);
    const last = events.at(-1);
    if (!last || events.length < PAGE_SIZE) return all;
    after = last.sequence;
  }
}
