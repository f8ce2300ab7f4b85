import { ScalarType } from "@bufbuild/protobuf";
import { commitSeed } from "@lormas/chance/commit-seed.ts";
import { file_lormas_api_v1_services } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FleetRig, fleetRig } from "../../runtime/fleet-rig.ts";
import { type RuntimePlaneRig, startRuntimePlaneRig } from "../runtime-plane-rig.ts";
import { fuzz } from "./fuzz-campaign.ts";
import { asBearer, RequestSender } from "./send-request.ts";

/** Others with every commit; LORMAS_FUZZ_SEED plays those of another one again. */
const seed = Number(process.env["LORMAS_FUZZ_SEED"] ?? commitSeed());
const REQUESTS = Number(process.env["LORMAS_FUZZ_REQUESTS"] ?? 250);
/** A fuzzer whose requests are all refused at the door looks into nothing. */
const ACCEPTED_SHARE_MIN = 0.3;

/** Whose text is compared with what is there, or asked about, and never stored. */
const ACCEPTS_ANYTHING: readonly string[] = [
  ...["ListAuditEntries", "ExportAuditEntries"].flatMap((method) =>
    ["actor", "method", "object", "request"].map((field) => `${method}.${field}`),
  ),
  ...["ListEvents.request", "ListJobs.container"],
];

let fleet: FleetRig;
let plane: RuntimePlaneRig;
beforeAll(async () => {
  fleet = await fleetRig(3);
  plane = await startRuntimePlaneRig(fleet);
});

afterAll(async () => {
  await plane.close();
  await fleet.close();
});

test("no request, whatever is in it, gets an answer that blames the coordinator, or changes anything when it is refused or only tried", {
  timeout: 120_000 + REQUESTS * 100,
}, async () => {
  const { sent, accepted, neverAccepted, refusals, faults } = await fuzz(fleet, plane, seed, REQUESTS);
  const table = [...refusals].toSorted(([, a], [, b]) => b - a).map(([code, times]) => `${code} ${times}`);
  console.log(`seed ${seed}: ${sent} requests, ${accepted} accepted; refused: ${table.join(", ")}`);
  if (neverAccepted.length > 0) console.log(`never accepted: ${neverAccepted.join(", ")}`);
  expect(faults.slice(0, 10)).toEqual([]);
  expect(accepted / sent).toBeGreaterThan(ACCEPTED_SHARE_MIN);
  // What was accepted can be read by the coordinator that comes next.
  await fleet.restart();
});

const texts = file_lormas_api_v1_services.services
  .flatMap(({ methods }) => methods)
  .flatMap((method) =>
    method.input.fields.filter(({ scalar }) => scalar === ScalarType.STRING).map((field) => ({ method, field })),
  );

const idOf: Readonly<Record<string, string>> = { ClusterService: "local", NodeService: "node-1" };

// PostgreSQL takes no NUL, and what it says of one sounds like a connection that broke.
test.each(texts)(
  "a NUL in $field.name of $method.name is nobody's fault but the caller's",
  async ({ method, field }) => {
    const sender = new RequestSender(plane.plane.url, asBearer(plane.token), 10_000);
    const sane = {
      name: "a-name",
      email: "ann@example.test",
      role: "viewer",
      eggId: "hello-http",
      id: idOf[method.parent.name] ?? "one",
      content: "{}",
    };
    const known = Object.fromEntries(
      method.input.fields.map(({ localName }) => [localName, sane[localName as keyof typeof sane]]),
    );
    const { accepted, code } = await sender.send(method, { ...known, [field.localName]: "a\0b" }, 0);
    if (accepted) expect(ACCEPTS_ANYTHING).toContain(`${method.name}.${field.name}`);
    else expect(["not_found", "invalid_argument", "unknown_egg", "unknown_cluster", "unknown_node"]).toContain(code);
  },
);
