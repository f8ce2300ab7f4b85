import { randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";
import type { Logger } from "pino";
import { ensureAdminToken } from "../identity/admin-token.ts";
import { ensureAdministrator } from "../identity/administrator.ts";
import { AuthRoutes } from "../identity/auth-routes.ts";
import { type AuthServer, startAuthServer } from "../identity/auth-server.ts";
import { Authenticator } from "../identity/authenticate.ts";
import { SignInLimits } from "../identity/sign-in-limits.ts";
import type { AgentLink } from "../runtime/agent-link.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ClusterWishes } from "../runtime/cluster-wishes.ts";
import type { CoordinatorStatus, Operations } from "../runtime/operations.ts";
import { ApiTokenStore } from "../store/api-token-store.ts";
import type { Database } from "../store/open-database.ts";
import { callInterceptor } from "./call-interceptor.ts";
import { loadDashboard } from "./dashboard.ts";
import { openApiDocument } from "./openapi-document.ts";
import { permissionGate, permissionRecheck } from "./permission-interceptor.ts";
import { databaseReadiness } from "./probes.ts";
import type { MuxLimits } from "./protocol-mux.ts";
import { PublicServer } from "./public-server.ts";
import { API_SERVICES, publicServices } from "./public-services.ts";
import { requestDispatch } from "./request-dispatch.ts";
import { createRestHandler } from "./rest/rest-handler.ts";
import { MESSAGE_BYTES_MAX, RpcEndpoint } from "./rpc-endpoint.ts";
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
  readonly database: Database;
  /** The same database, for better-auth's own connections. */
  readonly databaseUrl: string;
  readonly operations: Operations;
  readonly operators: PlaneContext["operators"];
  readonly whatIf: PlaneContext["whatIf"];
  readonly clusters: ClusterWishes;
  readonly status: CoordinatorStatus;
  readonly link: Pick<AgentLink, "readLogs">;
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
};

export type PublicPlane = {
  /** Where it is reached, such as "http://127.0.0.1:8080". */
  readonly url: string;
  /** The administrator's password when it was made up at this start, to be shown once; else null. */
  readonly firstPassword: string | null;
  /** Where the CLI's bearer token lies. */
  readonly adminTokenPath: string;
  /** Ends watches with a reason, lets requests end, closes everything; resolves within about 4 s. May be repeated. */
  stop(): Promise<void>;
};

/**
 * Starts the public plane: Connect, gRPC, gRPC-Web, REST, sign-in and the dashboard on one port. Rejects when the database
 * does not answer or the port is taken, leaving nothing behind.
 */
export async function startPublicPlane(options: PublicPlaneOptions): Promise<PublicPlane> {
  const { database, clock, log, dataDir } = options;
  const tokens = new ApiTokenStore(database.orm, clock);
  const adminTokenPath = await ensureAdminToken(tokens, dataDir);
  const auth = await startAuthServer({ databaseUrl: options.databaseUrl, dataDir, log });
  try {
    const authenticator = new Authenticator(database, tokens, auth, clock);
    const limits = await SignInLimits.open(auth.pool);
    const authRoutes = new AuthRoutes({ server: auth, limits, authenticator, database, log });
    const hub = new WatchHub({ source: databaseWatchSource(database.orm, options.status), clock, log });
    const stopping = new AbortController();
    const { server } = await serve(options, authenticator, authRoutes, hub, stopping.signal);
    const { address, port } = await listen(server, options.listen, hub);
    // Only now: a start that failed for a taken port would have made the password up and shown it to nobody.
    const { firstPassword } = await firstAdministrator(auth, options, server, hub);
    let stopped: Promise<void> | null = null;
    const stop = async (): Promise<void> => {
      stopping.abort();
      hub.stop();
      await server.stop(STOP_GRACE_MS);
      await auth.close();
    };
    return {
      url: `http://${isIPv6(address) ? `[${address}]` : address}:${port}`,
      firstPassword,
      adminTokenPath,
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

async function firstAdministrator(auth: AuthServer, options: PublicPlaneOptions, server: PublicServer, hub: WatchHub) {
  try {
    return await ensureAdministrator(auth, options.administrator);
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

async function serve(
  options: PublicPlaneOptions,
  authenticator: Authenticator,
  authRoutes: AuthRoutes,
  hub: WatchHub,
  stopping: AbortSignal,
): Promise<{ server: PublicServer }> {
  const { clock, log, operations, operators, clusters, whatIf, status, link, createJoinToken, version } = options;
  const readiness = databaseReadiness(options.database, status);
  const { orm } = options.database;
  const plane: PlaneContext = {
    orm,
    operations,
    operators,
    clusters,
    whatIf,
    status,
    link,
    createJoinToken,
    clock,
    version,
    stopping,
  };
  const endpoint = new RpcEndpoint(
    {
      gate: permissionGate(authenticator.authenticate, log),
      interceptors: [
        callInterceptor(clock, log),
        streamRecheckInterceptor(clock, permissionRecheck(authenticator.authenticate)),
        validationInterceptor(),
      ],
    },
    publicServices(plane, hub, readiness),
  );
  const rest = createRestHandler({
    services: API_SERVICES,
    bodyBytesMax: MESSAGE_BYTES_MAX,
    invoke: (method, request, { headers, signal, remoteAddress }) =>
      endpoint.invoke(method, request, {
        headers,
        signal,
        remoteAddress,
        requestId: headers.get("x-request-id") ?? "",
      }),
    onInternalError: (error, method) => log.error({ method: method?.name, err: error }, "REST call failed"),
  });
  const dispatch = requestDispatch(
    {
      endpoint,
      // The REST front hands on headers only; the request's name travels among them, in place of what a caller sent.
      rest: (request, response, requestId) => {
        request.headers["x-request-id"] = requestId;
        return rest(request, response);
      },
      auth: (request, response, requestId) => authRoutes.serve(request, response, requestId),
      openApi: openApiDocument(),
      readiness,
      dashboard: await loadDashboard(options.dashboardHandler),
    },
    () => randomBytes(8).toString("hex"),
    clock,
    log,
  );
  return { server: new PublicServer(dispatch, clock, log, options.muxLimits) };
}
