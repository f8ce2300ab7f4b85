import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Transport } from "@connectrpc/connect";
import pino from "pino";
import { seedEggs } from "../eggs/seed-eggs.ts";
import type { FleetRig } from "../runtime/fleet-rig.ts";
import { systemClock } from "../runtime/system-clock.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { testKeyring } from "../secrets/test-keyring.ts";
import { UsageBoard } from "../usage/usage-board.ts";
import { bearerTransport } from "./bearer-transport.ts";
import { type PublicPlane, startPublicPlane } from "./start-public-plane.ts";

/** The public plane on a real runtime with a real PostgreSQL; only the agents are simulated. For tests. */
export type RuntimePlaneRig = {
  readonly plane: PublicPlane;
  /** The bearer token of the local administrator. */
  readonly token: string;
  /** Connect over HTTP/1.1, as that administrator. */
  readonly transport: Transport;
  /** Ends the plane and removes its files; the fleet stays. */
  close(): Promise<void>;
};

/** Starts it in front of a fleet, with the built-in eggs. */
export async function startRuntimePlaneRig(
  fleet: FleetRig,
  keyring: Keyring = testKeyring(),
): Promise<RuntimePlaneRig> {
  const dataDir = await mkdtemp(join(tmpdir(), "lormas-runtime-plane-"));
  await seedEggs(fleet.database.database, systemClock);
  const runtime = fleet.runtime();
  const plane = await startPublicPlane({
    listen: { host: "127.0.0.1", port: 0 },
    requests: fleet.requests,
    database: fleet.database.database,
    databaseUrl: fleet.database.url,
    keyring,
    operations: runtime.operations,
    operators: runtime.operators,
    clusters: runtime.clusters,
    foretell: runtime.foretell,
    whatIf: runtime.whatIf,
    status: runtime,
    link: fleet.agents,
    usage: new UsageBoard(),
    createJoinToken: async () => ({
      token: "lormas1.secret.digest",
      expiresAt: new Date(systemClock.wallMs() + 600_000),
      coordinatorAddress: "127.0.0.1:7443",
    }),
    clock: systemClock,
    log: pino({ level: process.env["LORMAS_TEST_LOG"] ?? "silent" }),
    dataDir,
    version: "0.0.0-test",
    administrator: { email: "admin@lormas.test", password: "a long enough password" },
    dashboardHandler: join(dataDir, "no-such-handler.js"),
  });
  const token = (await readFile(plane.adminTokenPath, "utf8")).trim();
  const transport = bearerTransport(plane.url, token);
  return {
    plane,
    token,
    transport,
    async close() {
      await plane.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
