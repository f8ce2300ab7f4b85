import type { DescMethod } from "@bufbuild/protobuf";
import { SeededRandom } from "@lormas/chance/seeded-random.ts";
import { file_lormas_api_v1_services } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import fc from "fast-check";
import type { FleetRig } from "../../runtime/fleet-rig.ts";
import { ERROR_CODES } from "../error-codes.ts";
import { buildRouteTable } from "../rest/route-table.ts";
import type { RuntimePlaneRig } from "../runtime-plane-rig.ts";
import { callApi } from "./call-api.ts";
import { FleetStock } from "./fleet-stock.ts";
import { KnownThings, poolOf } from "./known-things.ts";
import { type RequestInit, requestArbitrary } from "./request-arbitrary.ts";
import { type Answer, asBearer, type HeadersOf, RequestSender } from "./send-request.ts";
import { isOfPeople, signedInPerson } from "./signed-in-person.ts";

/** What a campaign has seen. */
export type FuzzReport = {
  readonly sent: number;
  readonly accepted: number;
  /** Methods of which no request was accepted. */
  readonly neverAccepted: readonly string[];
  /** How often each code refused one. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Every answer that no request may get, with the request. */
  readonly faults: readonly string[];
};

/** A request that is not answered within this time is a fault; a password's hash takes the longest, a tenth of a second. */
const ANSWER_MS = 10_000;
/** After so many requests time passes, and lists are read anew. */
const REFRESHED_EVERY = 40;
const BETWEEN_MS = 1_500;
const REST_SHARE = 0.25;
/** Characters of one text, well below the bound on headers however it is escaped. */
const ADDRESS_TEXT_MAX = 1_000;
/** What is made most often; the more there is of it, the more the rest of the API has to refuse or to do. */
const CREATIONS = 2;
/** Codes that say of themselves that the coordinator is at fault, or that it has no answer. */
const OURS = [
  "internal",
  "unimplemented",
  "deadline_exceeded",
  "cancelled",
  "shutting_down",
  "database_unavailable",
  "audit_unavailable",
];
const KNOWN_CODES = new Set<string>([
  ...Object.keys(ERROR_CODES),
  "method_not_allowed",
  "unknown_path",
  "headers_too_large",
]);

const METHODS = file_lormas_api_v1_services.services.flatMap(({ methods }) => methods);
const ROUTES = buildRouteTable(file_lormas_api_v1_services.services).routes;

/**
 * Sends `count` requests, made at random from the descriptors of every method, to a plane one after another, as the local
 * administrator's program, or as that person where only people have what a method is about, by every protocol in turn. The same seed makes the same requests.
 */
export async function fuzz(fleet: FleetRig, plane: RuntimePlaneRig, seed: number, count: number): Promise<FuzzReport> {
  const random = new SeededRandom(seed, "fuzz");
  const program = asBearer(plane.token);
  const person = await signedInPerson(plane);
  const headersOf: HeadersOf = (method) => (isOfPeople(method) ? person : program(method));
  const sender = new RequestSender(plane.plane.url, headersOf, ANSWER_MS);
  const call = callApi(plane.transport);
  const known = new KnownThings();
  const stock = new FleetStock(fleet, plane, person);
  const requests = requestsOf(seed, count);
  const accepted = new Map<string, number>();
  const refusals = new Map<string, number>();
  const faults: string[] = [];
  for (const [index, { method, request }] of requests.entries()) {
    if (index % REFRESHED_EVERY === 0) {
      // What is under way goes on, and what is due falls due.
      await fleet.pass(BETWEEN_MS);
      await stock.restock();
      await known.refresh(call, await stock.own(), fleet.runtime().newestSequence());
    }
    const fields = known.resolve(request);
    const before = fleet.runtime().newestSequence();
    const { by, answer } = await answerOf(method, fields);
    await fleet.settle();
    if (answer.accepted) accepted.set(method.name, (accepted.get(method.name) ?? 0) + 1);
    else refusals.set(answer.code, (refusals.get(answer.code) ?? 0) + 1);
    const fault = faultOf(answer) ?? changedBy(answer, fields, before);
    if (fault !== null) faults.push(`${fault}: ${method.name} by ${by} of ${shown(fields)}`);
  }
  const neverAccepted = METHODS.filter(({ name }) => !accepted.has(name)).map(({ name }) => name);
  const all = [...accepted.values()].reduce((sum, times) => sum + times, 0);
  return { sent: requests.length, accepted: all, neverAccepted, refusals, faults };

  async function answerOf(
    method: DescMethod,
    fields: Record<string, unknown>,
  ): Promise<{ by: string; answer: Answer }> {
    const routes = ROUTES.filter((route) => route.method === method);
    const viaRest = random.chance(REST_SHARE) ? random.oneOf(routes) : undefined;
    const route = fitsAnAddress(fields) ? viaRest : undefined;
    const which = random.next();
    try {
      const answer = route ? await sender.sendRest(route, fields) : await sender.send(method, fields, which);
      return { by: route ? "REST" : `RPC ${which.toFixed(2)}`, answer };
    } catch (error) {
      throw new Error(`${method.name} of ${shown(fields)} was not answered`, { cause: error });
    }
  }

  function changedBy(answer: Answer, fields: Record<string, unknown>, before: bigint): string | null {
    const isTrial = fields["validateOnly"] === true;
    if (fleet.runtime().newestSequence() === before || (answer.accepted && !isTrial)) return null;
    return `${isTrial ? "only tried" : `refused with ${answer.code}`}, and yet something was committed`;
  }
}

function requestsOf(seed: number, count: number): { method: DescMethod; request: RequestInit }[] {
  const random = new SeededRandom(seed, "methods");
  const weighted = METHODS.flatMap((method) => Array(method.name === "CreateContainer" ? CREATIONS : 1).fill(method));
  const order = Array.from({ length: count }, () => random.oneOf(weighted) as DescMethod);
  const made = new Map<DescMethod, RequestInit[]>();
  for (const method of METHODS) {
    const arbitrary = requestArbitrary(method.input, (field) => poolOf(method.parent.name, method.name, field));
    const times = order.filter((one) => one === method).length;
    // A seed of its own: with one for all, what is unlucky for one method is so for every other.
    const own = Math.floor(new SeededRandom(seed, `${method.parent.name}.${method.name}`).next() * 2 ** 31);
    made.set(method, times === 0 ? [] : fc.sample(arbitrary, { seed: own, numRuns: times }));
  }
  return order.map((method) => ({ method, request: made.get(method)?.pop() ?? {} }));
}

/** What is wrong with an answer whatever the request was; null when nothing is. */
function faultOf({ accepted, code, message, nextStep }: Answer): string | null {
  if (accepted) return null;
  if (!KNOWN_CODES.has(code)) return `the code "${code}" is not in the closed set (${message})`;
  if (OURS.includes(code)) return `${code}: ${message}`;
  if (message.trim() === "" || nextStep.trim() === "") return `${code} without a reason or a next step`;
  return null;
}

/**
 * Whether a request's texts fit into an address of HTTP: one that does not is refused before the port knows what it is for, and while
 * it is still being sent, so that its sender may see no answer but a reset.
 */
function fitsAnAddress(fields: object): boolean {
  return Object.values(fields).every((value) => typeof value !== "string" || value.length <= ADDRESS_TEXT_MAX);
}

const SHOWN_MAX = 2_000;
const shown = (fields: object): string =>
  JSON.stringify(fields, (_, value) => (typeof value === "bigint" ? String(value) : value)).slice(0, SHOWN_MAX);
