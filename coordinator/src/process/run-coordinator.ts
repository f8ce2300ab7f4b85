import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { AgentPlane } from "../agents/agent-plane.ts";
import { parseListenAddress } from "../agents/listen-address.ts";
import { adoptAuthority } from "../agents/pki/fleet-authorities.ts";
import type { RandomSource } from "../agents/random-source.ts";
import { CertificateFiles, OwnCertificate, type PublicCertificate } from "../api/public-certificate.ts";
import { startPublicPlane } from "../api/start-public-plane.ts";
import type { CoordinatorConfig } from "../config/config-keys.ts";
import { seedEggs } from "../eggs/seed-eggs.ts";
import { ProcessFenceHook } from "../fencing/process-fence-hook.ts";
import { type ProviderConfig, readProviders } from "../identity/oidc/provider-config.ts";
import { type AlertTarget, AlertTelling } from "../notify/alert-telling.ts";
import { HttpAlertReceiver } from "../notify/http-alert-receiver.ts";
import type { Clock } from "../runtime/clock.ts";
import type { FenceHook } from "../runtime/fence-hook.ts";
import { FleetRuntime } from "../runtime/fleet-runtime.ts";
import { ServedRequests } from "../runtime/request-scope.ts";
import { writtenKeys } from "../secrets/master-key.ts";
import { type OpenedKeyring, openKeyring } from "../secrets/open-keyring.ts";
import { RegistryLogins } from "../secrets/registry-logins.ts";
import { AlertDeliveryStore } from "../store/alert-delivery-store.ts";
import { AuditStore } from "../store/audit-store.ts";
import { AuthorityStore } from "../store/authority-store.ts";
import { PostgresDecisionStore } from "../store/decisions/postgres-decision-store.ts";
import { startEmbeddedPostgres } from "../store/embedded/embedded-postgres.ts";
import { JoinTokenStore } from "../store/join-token-store.ts";
import { MasterKeyStore } from "../store/master-key-store.ts";
import { NodeRegisterStore } from "../store/node-register-store.ts";
import { type Database, openDatabase } from "../store/open-database.ts";
import { PostgresUsageStore } from "../store/postgres-usage-store.ts";
import { RegistryStore } from "../store/registry-store.ts";
import { seedFirstCluster } from "../store/seed-first-cluster.ts";
import { measuringIntake } from "../usage/measuring-intake.ts";
import { UsageBoard } from "../usage/usage-board.ts";
import { UsageRecorder } from "../usage/usage-recorder.ts";
import type { CoordinatorFailpoints } from "./coordinator-failpoints.ts";
import { lockDataDirectory } from "./data-directory-lock.ts";
import { keepRetention } from "./keep-retention.ts";
import { leaseHolder } from "./lease-holder.ts";

export type CoordinatorParts = {
  readonly config: CoordinatorConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Logger;
  readonly version: string;
  readonly lifelineFd: number | null;
  /** For tests alone: points at which this process is made to die. */
  readonly failpoints: CoordinatorFailpoints | null;
};

export type RunningCoordinator = {
  readonly httpUrl: string;
  readonly agentAddress: string;
  /** Set only at the start that made it up. */
  readonly firstPassword: string | null;
  /** Takes up what of a configuration can change while it runs. Rejects before anything has changed. */
  reconfigure(config: CoordinatorConfig): Promise<void>;
  /** Ends everything in order: no new requests, no new decisions, leadership given up, database closed. */
  stop(): Promise<void>;
};

/**
 * Wires the coordinator and starts it from the inside out: database, runtime, agent plane, public plane. What was started
 * is stopped again, in reverse, when a later part cannot start.
 */
export async function runCoordinator(parts: CoordinatorParts): Promise<RunningCoordinator> {
  const { config, clock, random, log, version, lifelineFd, failpoints } = parts;
  const undo: (() => Promise<unknown> | unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step; step = undo.pop()) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error }, "a part did not stop in order; going on with the others");
      }
    }
  };
  try {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    undo.push(lockDataDirectory(config.dataDir));
    const databaseUrl = config.databaseUrl ?? (await embedded(config, lifelineFd, log, undo));
    const database = await openDatabase({ url: databaseUrl, log });
    undo.push(() => database.close());
    const { keyring } = await masterKeys(parts, database);
    await seedFirstCluster(database, config, { newId: random.uuid, wallMs: clock.wallMs });
    await seedEggs(database, clock);
    const audit = new AuditStore(database.orm);
    await audit.setRetention(config.auditRetentionDays);
    undo.push(keepRetention(database, clock, log));
    const nodes = new NodeRegisterStore(database);
    const joinTokens = new JoinTokenStore(database);
    const telling = new AlertTelling(alertTargetOf(config));
    const store = new PostgresDecisionStore(database, {
      deliverAlerts: () => telling.isOn,
      hasMasterKey: (id) => keyring.has(id),
    });
    const register = new RegistryStore(database.orm, clock);
    const registries = new RegistryLogins({ register, keyring, clock, log });
    await registries.start();
    undo.push(() => registries.stop());
    const authorities = new AuthorityStore(database.orm);
    await adoptAuthority({ dataDir: config.dataDir, register: authorities, keyring, clock, random });
    const instance = leaseHolder(config.instanceName, config.dataDir);
    const plane = new AgentPlane({
      listen: config.agentListen,
      authorities: failpoints?.authorities(authorities) ?? authorities,
      instance,
      dataDir: config.dataDir,
      nodes: failpoints?.nodes(nodes) ?? nodes,
      joinTokens: failpoints?.joinTokens(joinTokens) ?? joinTokens,
      keyring,
      registries,
      ...(failpoints && { wrapStream: failpoints.stream, wrapAnswer: failpoints.answer }),
      clock,
      random,
      log,
    });
    const fenceHook = fenceHookOf(config, clock, log);
    const requests = new ServedRequests();
    const runtime = new FleetRuntime({
      store: failpoints?.store(store) ?? store,
      link: failpoints?.link(plane.link) ?? plane.link,
      keyring,
      clock,
      log,
      newId: random.uuid,
      instance,
      leaderTtlMs: config.leaderTtlMs,
      fenceHook: fenceHook && (failpoints?.fenceHook(fenceHook) ?? fenceHook),
      requests,
    });
    await runtime.start();
    undo.push(() => runtime.stop());
    tellOfAlerts(parts, telling, database, runtime);
    undo.push(() => telling.stop());
    const usage = new UsageBoard();
    const intake = measuringIntake(runtime.intake, usage, clock.wallMs);
    const recorder = new UsageRecorder({
      ...{ board: usage, store: new PostgresUsageStore(database), leading: () => runtime.leading(), clock, log },
    });
    recorder.start();
    undo.push(() => recorder.stop());
    const { address: agentAddress } = await plane.start(intake, runtime.operations, runtime.rotationAlerts);
    undo.push(() => plane.stop());
    const publicPlane = await startPublicPlane({
      listen: parseListenAddress(config.httpListen),
      certificate: publicCertificate(parts, plane),
      publicUrl: config.publicUrl,
      providers: providersOf(config),
      apiCallsPerSecond: config.apiCallsPerSecond,
      requests,
      database,
      databaseUrl,
      keyring,
      operations: runtime.operations,
      operators: runtime.operators,
      whatIf: runtime.whatIf,
      clusters: runtime.clusters,
      foretell: runtime.foretell,
      status: runtime,
      link: plane.link,
      usage,
      createJoinToken: async (clusterId, createdBy, needsApproval) => ({
        ...(await plane.createJoinToken(clusterId, createdBy, needsApproval)),
        coordinatorAddress: agentAddress,
      }),
      clock,
      log,
      dataDir: config.dataDir,
      version,
      administrator: { email: config.adminEmail, password: config.adminPassword },
    });
    undo.push(() => publicPlane.stop());
    const ca = config.publicTls === "own-ca" ? { caFile: join(config.dataDir, "pki", "ca-certificate.pem") } : {};
    undo.push(announce(config.dataDir, { pid: process.pid, httpUrl: publicPlane.url, agentAddress, ...ca }));
    let retentionDays: number | null = config.auditRetentionDays;
    const reconfigure = async (next: CoordinatorConfig): Promise<void> => {
      // What can fail comes first: nothing has changed by then.
      const providers = providersOf(next);
      if (next.auditRetentionDays !== retentionDays) {
        // The database may be away with the answer: what it holds then is not known.
        retentionDays = null;
        await audit.setRetention(next.auditRetentionDays);
        retentionDays = next.auditRetentionDays;
      }
      publicPlane.reconfigure({ apiCallsPerSecond: next.apiCallsPerSecond, providers });
      log.level = next.logLevel;
      await telling.use(alertTargetOf(next));
    };
    const { url: httpUrl, firstPassword } = publicPlane;
    return { httpUrl, agentAddress, firstPassword, reconfigure, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function masterKeys({ config, clock, log }: CoordinatorParts, database: Database): Promise<OpenedKeyring> {
  const { dataDir, secretKey, otherSecretKeys } = config;
  const settings = { dataDir, secretKey, otherSecretKeys: writtenKeys(otherSecretKeys ?? "") };
  const opened = await openKeyring(settings, new MasterKeyStore(database), clock.wallMs());
  const { keyring, madeFile, rewrapped } = opened;
  const masterKeyId = keyring.primary.id;
  if (madeFile !== null) {
    log.info(
      { masterKeyId, file: madeFile },
      "a master key for secrets was made: keep a copy of it apart from the database",
    );
  }
  if (rewrapped > 0) log.info({ masterKeyId, rewrapped }, "keys of containers are sealed by the new master key");
  return opened;
}

async function embedded(
  config: CoordinatorConfig,
  lifelineFd: number | null,
  log: Logger,
  undo: (() => Promise<unknown> | unknown)[],
): Promise<string> {
  const postgres = await startEmbeddedPostgres({ dataDir: join(config.dataDir, "postgres"), lifelineFd, log });
  undo.push(() => postgres.stop());
  return postgres.url;
}

function fenceHookOf(
  { fenceHook: path, fenceHookTimeoutMs: timeoutMs }: CoordinatorConfig,
  clock: Clock,
  log: Logger,
): FenceHook | null {
  return path === null ? null : new ProcessFenceHook({ path, timeoutMs, clock, log, env: process.env });
}

const alertTargetOf = ({ alertWebhookUrl: url, alertWebhookSecret: secret }: CoordinatorConfig): AlertTarget =>
  url === null ? null : { url, secret };

const providersOf = ({ signInProviders: path }: CoordinatorConfig): ProviderConfig[] =>
  path === null ? [] : readProviders(path);

/** Posts changes of alerts where the configuration says. */
function tellOfAlerts(
  { clock, log, failpoints }: CoordinatorParts,
  telling: AlertTelling,
  database: Database,
  runtime: FleetRuntime,
): void {
  const deliveries = new AlertDeliveryStore(database);
  telling.start({
    receiverAt: (target) => {
      const receiver = new HttpAlertReceiver({ ...target, clock });
      return failpoints?.alertReceiver(receiver) ?? receiver;
    },
    deliveries: failpoints?.alertDeliveries(deliveries) ?? deliveries,
    clock,
    log,
    leading: () => runtime.leading().leader,
    onCommitted: (callback) => runtime.onCommitted(() => callback()),
  });
}

/** The public plane's certificate as the configuration says; null: it speaks plain text. */
function publicCertificate({ config, clock, log }: CoordinatorParts, plane: AgentPlane): PublicCertificate | null {
  const { publicTls, publicTlsCertFile: certFile, publicTlsKeyFile: keyFile, publicUrl, httpListen } = config;
  if (certFile !== null && keyFile !== null) return new CertificateFiles({ certFile, keyFile }, clock, log);
  if (publicTls !== "own-ca") return null;
  const { host } = parseListenAddress(httpListen);
  const named = publicUrl === null ? [] : [new URL(publicUrl).hostname.replace(/^\[(.*)\]$/, "$1")];
  const everywhere = host === "::" || host === "0.0.0.0";
  return new OwnCertificate(plane.authorities, [...named, ...(everywhere ? [hostname()] : [host])], clock, log);
}

type Whereabouts = {
  readonly pid: number;
  readonly httpUrl: string;
  readonly agentAddress: string;
  /** Who vouches for the public plane, where that is not an authority that the machine knows anyway. */
  readonly caFile?: string;
};

/** Tells the machine's own CLI where this coordinator is. */
function announce(dataDir: string, where: Whereabouts): () => void {
  const file = join(dataDir, "run", "coordinator.json");
  writeFileSync(file, `${JSON.stringify(where)}\n`, { mode: 0o600 });
  return () => rmSync(file, { force: true });
}
