import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import { AuditService, EventService } from "@lormas/gen/lormas/api/v1/services_pb.ts";
import type { Logger } from "pino";
import { Auditor } from "../audit/auditor.ts";
import { ADMIN_TOKEN_NAME, ensureAdminToken } from "../identity/admin-token.ts";
import { ensureAdministrator } from "../identity/administrator.ts";
import { AuthAudit } from "../identity/auth-audit.ts";
import { AuthRoutes } from "../identity/auth-routes.ts";
import { type AuthServer, startAuthServer } from "../identity/auth-server.ts";
import { Authenticator } from "../identity/authenticate.ts";
import { FlowCookie } from "../identity/oidc/flow-cookie.ts";
import { OidcClient } from "../identity/oidc/oidc-client.ts";
import { ProviderAccounts } from "../identity/oidc/provider-accounts.ts";
import type { ProviderConfig } from "../identity/oidc/provider-config.ts";
import { ProviderRoutes } from "../identity/oidc/provider-routes.ts";
import { People } from "../identity/people.ts";
import { SecondFactor } from "../identity/second-factor.ts";
import { Sessions } from "../identity/sessions.ts";
import { SignInLimits } from "../identity/sign-in-limits.ts";
import type { AgentLink } from "../runtime/agent-link.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ClusterWishes } from "../runtime/cluster-wishes.ts";
import type { CoordinatorStatus, Operations } from "../runtime/operations.ts";
import type { ServedRequests } from "../runtime/request-scope.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { ApiTokenStore } from "../store/api-token-store.ts";
import { AuditStore } from "../store/audit-store.ts";
import { GrantStore } from "../store/grant-store.ts";
import { NamedRequestStore } from "../store/named-request-store.ts";
import type { Database } from "../store/open-database.ts";
import { RoleStore } from "../store/role-store.ts";
import type { UsageBoard } from "../usage/usage-board.ts";
import { auditInterceptor } from "./audit-interceptor.ts";
import { callInterceptor } from "./call-interceptor.ts";
import { CallLimiter } from "./call-limiter.ts";
import { loadDashboard } from "./dashboard.ts";
import { objectReading } from "./object-reading.ts";
import { openApiDocument } from "./openapi-document.ts";
import { permissionGate, permissionRecheck } from "./permission-interceptor.ts";
import { placeInterceptor } from "./place-interceptor.ts";
import { databaseReadiness } from "./probes.ts";
import type { MuxLimits } from "./protocol-mux.ts";
import type { KeyPair, PublicCertificate } from "./public-certificate.ts";
import { PublicServer } from "./public-server.ts";
import { API_SERVICES, publicServices } from "./public-services.ts";
import { requestDispatch } from "./request-dispatch.ts";
import { requestOnceInterceptor } from "./request-once-interceptor.ts";
import { createAuditExport } from "./rest/audit-export.ts";
import { createEventStream } from "./rest/event-stream.ts";
import type { RestContext } from "./rest/rest-exchange.ts";
import { createRestHandler } from "./rest/rest-handler.ts";
import { type InProcessCall, MESSAGE_BYTES_MAX, RpcEndpoint } from "./rpc-endpoint.ts";
import type { CreateJoinToken, PlaneContext } from "./services/plane-context.ts";
import { streamRecheckInterceptor } from "./stream-recheck-interceptor.ts";
import { validationInterceptor } from "./validation-interceptor.ts";
import { databaseWatchSource } from "./watch/database-watch-source.ts";
import { WatchHub } from "./watch/watch-hub.ts";

/** How long requests in flight may take to end when the plane stops, milliseconds. */
const STOP_GRACE_MS = 3_000;

export type PublicPlaneOptions = {
  /** Where to listen; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Told whose request is being served, for the decisions that it leads to. */
  readonly requests: ServedRequests;
  readonly database: Database;
  /** The same database, for better-auth's own connections. */
  readonly databaseUrl: string;
  /** Seals the secrets of containers, and opens those of one that is changed. */
  readonly keyring: Keyring;
  readonly operations: Operations;
  readonly operators: PlaneContext["operators"];
  readonly whatIf: PlaneContext["whatIf"];
  readonly clusters: ClusterWishes;
  readonly foretell: PlaneContext["foretell"];
  readonly status: CoordinatorStatus;
  readonly link: Pick<AgentLink, "readLogs" | "sendInput" | "readTerminal" | "resizeTerminal">;
  readonly usage: Pick<UsageBoard, "latest" | "watch">;
  readonly createJoinToken: CreateJoinToken;
  readonly clock: Clock;
  readonly log: Logger;
  /** Holds admin.token and auth.secret; must exist. */
  readonly dataDir: string;
  readonly version: string;
  /** The administrator who is made when there is no user yet; password null: a random one. */
  readonly administrator: { readonly email: string; readonly password: string | null };
  /** The built dashboard's handler.js instead of this source tree's. */
  readonly dashboardHandler?: string;
  readonly muxLimits?: MuxLimits;
  /** Calls a second and caller; 0 or absent: no limit. */
  readonly apiCallsPerSecond?: number;
  /** TLS with this; null or absent: plain text. */
  readonly certificate?: PublicCertificate | null;
  /** Where browsers reach it, such as "https://lormas.example.org"; null or absent: where it listens. */
  readonly publicUrl?: string | null;
  /** Whom else people may sign in by; absent: nobody. */
  readonly providers?: readonly ProviderConfig[];
};

/** What of the public plane can change while it runs. */
export type PublicPlaneSettings = {
  readonly apiCallsPerSecond: number;
  readonly providers: readonly ProviderConfig[];
};

export type PublicPlane = {
  /** Where it is reached, such as "http://127.0.0.1:8080". */
  readonly url: string;
  /** The administrator's password when it was made up at this start, to be shown once; else null. */
  readonly firstPassword: string | null;
  /** Where the CLI's bearer token lies. */
  readonly adminTokenPath: string;
  /** Takes effect with the next call; what is under way goes on as it began. */
  reconfigure(settings: PublicPlaneSettings): void;
  /**
   * Ends watches with a reason, lets requests end, writes what the audit trail has counted, closes everything; resolves within
   * about 4 s, or 9 s where the database does not answer. May be repeated.
   */
  stop(): Promise<void>;
};

/**
 * Starts the public plane: Connect, gRPC, gRPC-Web, REST, sign-in and the dashboard on one port. Rejects when the database
 * does not answer or the port is taken, leaving nothing behind.
 */
export async function startPublicPlane(options: PublicPlaneOptions): Promise<PublicPlane> {
  const { database, clock, log, dataDir } = options;
  const tokens = new ApiTokenStore(database.orm, clock);
  const auditor = new Auditor(new AuditStore(database.orm), clock, log);
  const adminTokenPath = await ensureAdminToken(tokens, dataDir, (prefix) =>
    auditor.system("create-token", ADMIN_TOKEN_NAME, "token", { role: "superadmin", prefix }),
  );
  const secureCookies = (options.certificate ?? null) !== null || options.publicUrl?.startsWith("https:") === true;
  const auth = await startAuthServer({ databaseUrl: options.databaseUrl, dataDir, log, secureCookies });
  try {
    const grants = new GrantStore(database.orm, clock);
    const roles = new RoleStore(database.orm, clock);
    const authenticator = new Authenticator(database, { tokens, grants, roles }, auth, clock);
    const limits = await SignInLimits.open(auth.pool);
    const secondFactor = await SecondFactor.open(auth);
    const audit = new AuthAudit(auditor);
    const clientsOf = (all: readonly ProviderConfig[]) => all.map((config) => new OidcClient(config, clock));
    const limiter = new CallLimiter(options.apiCallsPerSecond ?? 0, clock);
    const providers = new ProviderRoutes({
      clients: clientsOf(options.providers ?? []),
      accounts: new ProviderAccounts(auth),
      cookie: new FlowCookie((await auth.auth.$context).secret, secureCookies),
      ...{ server: auth, limits, audit, clock, log, publicUrl: options.publicUrl ?? null },
    });
    const authRoutes = new AuthRoutes({
      server: auth,
      limits,
      secondFactor,
      providers,
      authenticator,
      audit,
      database,
      log,
    });
    const hub = new WatchHub({ source: databaseWatchSource(database.orm, options.status), clock, log });
    const stopping = new AbortController();
    const certificate = (await options.certificate?.open()) ?? null;
    const { server } = await serve(
      options,
      {
        tokens,
        grants,
        roles,
        people: new People(auth),
        sessions: new Sessions(auth),
        authenticator,
        authRoutes,
        auditor,
        limiter,
      },
      hub,
      stopping.signal,
      certificate,
    );
    const { address, port } = await listen(server, options.listen, hub);
    // Only now: a start that failed for a taken port would have made the password up and shown it to nobody.
    const { firstPassword } = await firstAdministrator(auth, auditor, options, server, hub);
    const unfollow = options.certificate?.follow((pair) => server.useCertificate(pair));
    let stopped: Promise<void> | null = null;
    const stop = async (): Promise<void> => {
      unfollow?.();
      stopping.abort();
      hub.stop();
      await server.stop(STOP_GRACE_MS);
      await auditor.stop();
      await auth.close();
    };
    return {
      url: reachedAt(address, port, certificate !== null),
      firstPassword,
      adminTokenPath,
      reconfigure(settings) {
        limiter.allow(settings.apiCallsPerSecond);
        providers.use(clientsOf(settings.providers));
      },
      stop() {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    await auth.close();
    throw error;
  }
}

/** A certificate is never one for "every address"; this machine reaches it by its own. */
function reachedAt(address: string, port: number, encrypted: boolean): string {
  const host = encrypted && address === "::" ? "::1" : encrypted && address === "0.0.0.0" ? "127.0.0.1" : address;
  return `${encrypted ? "https" : "http"}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

async function firstAdministrator(
  auth: AuthServer,
  auditor: Auditor,
  options: PublicPlaneOptions,
  server: PublicServer,
  hub: WatchHub,
) {
  try {
    return await ensureAdministrator(auth, options.administrator, (email) =>
      auditor.system("create-user", email, "user", { role: "superadmin" }),
    );
  } catch (error) {
    hub.stop();
    await server.stop(0);
    throw error;
  }
}

async function listen(server: PublicServer, at: PublicPlaneOptions["listen"], hub: WatchHub) {
  try {
    return await server.listen(at.host, at.port);
  } catch (error) {
    hub.stop();
    await server.stop(0);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `dashboard and API cannot listen on ${at.host}:${at.port} (${reason}): free it or choose another with --http-listen HOST:PORT (LORMAS_HTTP_LISTEN)`,
      { cause: error },
    );
  }
}

type IdentityParts = {
  readonly tokens: ApiTokenStore;
  readonly grants: GrantStore;
  readonly roles: RoleStore;
  readonly people: People;
  readonly sessions: Sessions;
  readonly authenticator: Authenticator;
  readonly authRoutes: AuthRoutes;
  readonly auditor: Auditor;
  readonly limiter: CallLimiter;
};

async function serve(
  options: PublicPlaneOptions,
  { tokens, grants, roles, people, sessions, authenticator, authRoutes, auditor, limiter }: IdentityParts,
  hub: WatchHub,
  stopping: AbortSignal,
  certificate: KeyPair | null,
): Promise<{ server: PublicServer }> {
  const {
    clock,
    log,
    operations,
    operators,
    clusters,
    foretell,
    whatIf,
    status,
    link,
    usage,
    createJoinToken,
    version,
  } = options;
  const readiness = databaseReadiness(options.database, status);
  const { orm } = options.database;
  const plane: PlaneContext = {
    orm,
    keyring: options.keyring,
    operations,
    operators,
    clusters,
    foretell,
    whatIf,
    status,
    link,
    usage,
    createJoinToken,
    tokens,
    grants,
    roles,
    people,
    sessions,
    forgetIdentities: () => authenticator.forget(),
    clock,
    version,
    stopping,
  };
  const endpoint = new RpcEndpoint(
    {
      gate: permissionGate(authenticator.authenticate, limiter, auditor.deny, log),
      interceptors: [
        callInterceptor(clock, log),
        streamRecheckInterceptor(clock, permissionRecheck(authenticator.authenticate, auditor.deny)),
        validationInterceptor(),
        placeInterceptor(orm, auditor.deny),
        auditInterceptor(auditor.trail, objectReading(plane)),
        requestOnceInterceptor(new NamedRequestStore(orm), options.keyring, clock),
      ],
    },
    publicServices(plane, hub, readiness),
  );
  const inProcess = (context: RestContext): InProcessCall => ({
    ...context,
    requestId: context.headers.get("x-request-id") ?? "",
  });
  const eventStream = createEventStream({
    watch: (request, context) => endpoint.stream(EventService.method.watch, request, inProcess(context)),
    clock,
    onInternalError: (error) => log.error({ method: "Watch", err: error }, "a stream of events failed"),
  });
  const auditExport = createAuditExport({
    exported: (request, context) =>
      endpoint.stream(AuditService.method.exportAuditEntries, request, inProcess(context)),
    clock,
    onInternalError: (error) => log.error({ method: "ExportAuditEntries", err: error }, "an export failed"),
  });
  const rest = createRestHandler({
    services: API_SERVICES,
    bodyBytesMax: MESSAGE_BYTES_MAX,
    invoke: (method, request, context) => endpoint.invoke(method, request, inProcess(context)),
    onInternalError: (error, method) => log.error({ method: method?.name, err: error }, "REST call failed"),
  });
  const dispatch = requestDispatch(
    {
      endpoint,
      // The REST front hands on headers only; the request's name travels among them, in place of what a caller sent.
      rest: async (request, response, requestId) => {
        request.headers["x-request-id"] = requestId;
        const streams = (await eventStream(request, response)) || (await auditExport(request, response));
        return streams || (await rest(request, response));
      },
      auth: (request, response, requestId) => authRoutes.serve(request, response, requestId),
      openApi: openApiDocument(),
      readiness,
      dashboard: await loadDashboard(options.dashboardHandler),
    },
    { next: () => randomBytes(8).toString("hex"), served: options.requests },
    clock,
    log,
  );
  return { server: new PublicServer(dispatch, clock, log, options.muxLimits, certificate) };
}
