import { Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import {
  type Cluster,
  type Container,
  ContainerStatus,
  ContainerType,
  DutyState,
  type Node,
  NodeStatus,
} from "@lormas/gen/lormas/api/v1/resources_pb.ts";
import { CertificateAuthority } from "../../agents/pki/certificate-authority.ts";
import { sealed } from "../../agents/pki/fleet-authorities.ts";
import { testRandom } from "../../agents/plane-rig.ts";
import { deterministicId } from "../../runtime/deterministic-id.ts";
import type { FleetRig } from "../../runtime/fleet-rig.ts";
import { systemClock } from "../../runtime/system-clock.ts";
import { testKeyring } from "../../secrets/test-keyring.ts";
import { AuthorityStore } from "../../store/authority-store.ts";
import { JoinTokenStore } from "../../store/join-token-store.ts";
import type { RuntimePlaneRig } from "../runtime-plane-rig.ts";
import { type CallApi, callApi } from "./call-api.ts";
import { eggText } from "./egg-text.ts";
import { EMAIL, OWN_PASSWORD } from "./signed-in-person.ts";

/** Of every kind of thing so many are there before requests are sent: most of the API is about something that is there. */
const LEAST = 3;
/** More of a kind than this are taken away, so that lists stay short and the fleet has room. */
const MOST = 10;
/** So often a migration is let go and another one held up, in refreshes. */
const HELD_FOR = 4;
/** Every so many refreshes a cluster that lost its nodes at once is looked for. */
const DARK_EVERY = 40;
/** Profiles whose nodes the rig lets beat often enough; by the others all would fall silent. */
const BEATEN = ["default", "large", "patient"];
const FALLEN_SILENT_MS = 30_000;
const TOKEN_MS = 600_000;
/** Where nothing listens: asked whether it takes a login, it refuses at once. */
const REGISTRY = "127.0.0.1:1";

/** What only the stock's keeper knows of, for requests to name. */
export type OwnThings = {
  /** Whom requests about people are sent as. */
  readonly email: string;
  readonly tokens: readonly string[];
  /** Without the one that requests are sent in. */
  readonly sessions: readonly string[];
  /** Of others, by address. */
  readonly sessionsOf: ReadonlyMap<string, readonly string[]>;
  readonly authority: string;
};

/** What a fleet has on stock for requests at random; they use it up. */
export class FleetStock {
  readonly #fleet: FleetRig;
  readonly #plane: RuntimePlaneRig;
  readonly #call: CallApi;
  /** The same, as a person. */
  readonly #own: CallApi;
  readonly #headers: Record<string, string>;
  #made = 0;
  #rounds = 0;
  /** Of which agents do nothing, so that its migration goes on. */
  #held: string | null = null;

  constructor(fleet: FleetRig, plane: RuntimePlaneRig, person: Record<string, string>) {
    this.#fleet = fleet;
    this.#plane = plane;
    this.#headers = person;
    this.#call = callApi(plane.transport);
    this.#own = callApi(createConnectTransport({ baseUrl: plane.plane.url, httpVersion: "1.1" }));
    fleet.agents.swallowing = (_, { containerId }) => containerId === this.#held;
  }

  /** Makes what is missing and takes away what is too much, by ordinary calls. */
  async restock(): Promise<void> {
    const round = this.#rounds++;
    if (round === 0) for (const nodeId of this.#fleet.nodeIds) await this.#connect(nodeId);
    await this.#restockAccess();
    await this.#restockEggs();
    await this.#restockRegistries();
    await this.#restockAuthority();
    await this.#restockClusters(round);
    await this.#restockNodes();
    await this.#restockContainers();
    await this.#holdMigration(round);
    await this.#fleet.settle();
  }

  /** What requests can name of it. */
  async own(): Promise<OwnThings> {
    const options = { headers: this.#headers };
    const { access, authority } = this.#call;
    const [{ tokens }, { sessions }, { users }, shown] = [
      await this.#own.access.listOwnTokens({}, options),
      await this.#own.access.listOwnSessions({}, options),
      await access.listUsers({ pageSize: 1_000 }),
      await authority.getAuthority({}),
    ];
    const sessionsOf = new Map<string, string[]>();
    for (const { email } of users.filter((user) => user.sessionCount > 0 && user.email !== EMAIL).slice(0, 1)) {
      const theirs = await access.listUserSessions({ email });
      sessionsOf.set(
        email,
        theirs.sessions.map(({ id }) => id),
      );
    }
    return {
      email: EMAIL,
      tokens: tokens.map(({ name }) => name),
      sessions: sessions.filter(({ current }) => !current).map(({ id }) => id),
      sessionsOf,
      authority: shown.authority?.nextId || shown.authority?.id || "",
    };
  }

  async #restockAccess(): Promise<void> {
    const { access } = this.#call;
    const { roles } = await access.listRoles({});
    // What a role demands of the person who calls would refuse all that the person asks for from then on.
    for (const { name, secondFactorRequired } of roles) {
      if (!secondFactorRequired || name.startsWith("stock-")) continue;
      await refusable(access.updateRole({ name, updateMask: ["second_factor_required"], secondFactorRequired: false }));
    }
    const made = roles.filter(({ builtIn }) => !builtIn);
    await this.#missing(made.length, () =>
      access.createRole({ name: this.#name(), includes: ["viewer"], grants: ["container:view"] }),
    );
    for (const { name } of made.slice(MOST)) await refusable(access.deleteRole({ name }));

    const { tokens } = await access.listTokens({});
    await this.#missing(tokens.length - 1, () => access.createToken({ name: this.#name(), role: "viewer" }));
    for (const { name } of tokens.slice(MOST)) if (name !== "admin") await refusable(access.revokeToken({ name }));
    const options = { headers: this.#headers };
    const own = await this.#own.access.listOwnTokens({}, options);
    await this.#missing(own.tokens.length, () =>
      this.#own.access.createToken({ name: this.#name(), role: "viewer" }, options),
    );

    const { users } = await access.listUsers({ pageSize: 100 });
    await this.#missing(users.length - 1, () => this.#createUser());
    const { sessions } = await this.#own.access.listOwnSessions({}, options);
    const signedIn = users.some(({ email, sessionCount }) => sessionCount > 0 && email !== EMAIL);
    // A password's hash is what takes the longest of all.
    if (this.#rounds % HELD_FOR === 1 && !signedIn) await this.#createUser(true);
    if (this.#rounds % HELD_FOR === 1 && sessions.length < 2) await this.#signIn(EMAIL, OWN_PASSWORD);
    for (const { email } of users.filter((user) => user.email !== EMAIL).slice(MOST)) {
      await refusable(access.deleteUser({ email }));
    }
  }

  async #createUser(signedIn = false): Promise<void> {
    const email = `${this.#name()}@example.test`;
    const { password } = await this.#call.access.createUser({ email, name: "", role: "viewer" });
    if (signedIn) await this.#signIn(email, password);
  }

  async #signIn(email: string, password: string): Promise<void> {
    const { url } = this.#plane.plane;
    const answer = await fetch(`${url}/api/auth/sign-in/email`, {
      method: "POST",
      headers: { "content-type": "application/json", origin: url },
      body: JSON.stringify({ email, password }),
    });
    await answer.text();
  }

  async #restockEggs(): Promise<void> {
    const { eggs } = await this.#call.eggs.listEggs({ pageSize: 1_000 });
    const made = eggs.filter(({ builtIn }) => !builtIn);
    await this.#missing(made.length, () => {
      const id = this.#name();
      return this.#call.eggs.importEgg({ id, content: eggText(id) });
    });
    for (const { id } of made.slice(MOST)) await refusable(this.#call.eggs.deleteEgg({ id }));
  }

  async #restockRegistries(): Promise<void> {
    const { registries } = await this.#call.registries.listRegistries({});
    const login = { username: "fuzz", password: "a password" };
    if (registries.length < LEAST) {
      await this.#call.registries.setRegistry({ server: REGISTRY, ...login });
      await this.#call.registries.setRegistry({ server: "localhost:1", ...login });
      await this.#call.registries.setRegistry({ server: REGISTRY, cluster: "local", ...login });
    }
    for (const { server, clusterId } of registries.slice(MOST)) {
      await refusable(this.#call.registries.removeRegistry({ server, cluster: clusterId }));
    }
  }

  /** A rotation that was begun ends: no agent plane is here to do it. */
  async #restockAuthority(): Promise<void> {
    const store = new AuthorityStore(this.#fleet.database.database.orm);
    const stored = await store.load();
    if (stored === null) {
      const first = await CertificateAuthority.make(systemClock, testRandom);
      await store.adopt(sealed(first, testKeyring(), systemClock.wallMs()));
    } else if (stored.rotation.phase !== "steady" && this.#rounds % HELD_FOR === 0) {
      await store.advance(stored.rotation.revision, "steady", systemClock.wallMs());
    }
  }

  async #restockClusters(round: number): Promise<void> {
    const { clusters } = this.#call;
    const known = (await clusters.listClusters({ pageSize: 1_000 })).clusters;
    const profile = known.find(({ id }) => id === this.#fleet.clusterId)?.heartbeatPolicy?.profile ?? "";
    if (!BEATEN.includes(profile)) {
      await refusable(clusters.updateCluster({ id: this.#fleet.clusterId, policy: { profile: "default" } }));
      await this.#fleet.pass(FALLEN_SILENT_MS);
    }
    await this.#missing(known.length - 1, () => clusters.createCluster({ name: this.#name() }));
    const surplus = known.filter(({ name, nodeCount }) => name !== "local" && nodeCount === 0).slice(MOST);
    for (const { id } of surplus) await refusable(clusters.deleteCluster({ id }));
    if (round % DARK_EVERY === 0 && !known.some(isSuspended)) await this.#darken();
  }

  /** A cluster whose nodes all fall silent at once: it decides nothing until somebody says that they are gone. */
  async #darken(): Promise<void> {
    const { cluster } = await this.#call.clusters.createCluster({ name: this.#name() });
    const nodes = [];
    for (let count = 0; count < LEAST; count++) nodes.push(await this.#join(cluster?.id));
    await this.#fleet.pass(FALLEN_SILENT_MS);
    for (const nodeId of nodes) this.#fleet.agents.powerOff(nodeId);
    await this.#fleet.pass(FALLEN_SILENT_MS);
  }

  async #restockNodes(): Promise<void> {
    const { nodes } = await this.#call.nodes.listNodes({ pageSize: 1_000 });
    const enrolled = nodes.filter(({ approval }) => approval === undefined);
    await this.#missing(nodes.length - enrolled.length, () => this.#waitToBeLetIn());
    const local = enrolled.filter(({ clusterId, revokedAt }) => clusterId === this.#fleet.clusterId && !revokedAt);
    for (const { id, status } of local) {
      if (status === NodeStatus.UNHEALTHY || status === NodeStatus.DEAD) await this.#connect(id);
    }
    const serving = local.filter(serves);
    const idle = local.filter((node) => !serves(node) && node.status === NodeStatus.HEALTHY);
    if (serving.length < LEAST && idle.length > LEAST) for (const node of idle) await this.#backInService(node);
    else await this.#missing(serving.length, () => this.#join());
    // The oldest first: whatever they went through, new ones take their place.
    const surplus = enrolled.filter((node) => !serves(node) && !idle.includes(node)).slice(MOST);
    for (const { id } of surplus) await this.#remove(id);
  }

  async #join(clusterId = this.#fleet.clusterId): Promise<string> {
    const nodeId = await this.#fleet.join(clusterId);
    await this.#connect(nodeId);
    return nodeId;
  }

  /** With an engine: images, terminals and install scripts need one. */
  async #connect(nodeId: string): Promise<void> {
    const number = this.#fleet.nodeIds.indexOf(nodeId) + 1;
    const address = `127.0.${1 + (number >> 8)}.${number & 255}`;
    await this.#fleet.agents.connect(nodeId, { runtime: "docker", address });
  }

  async #backInService({ id, duty }: Node): Promise<void> {
    if (duty?.state === DutyState.MAINTENANCE) await refusable(this.#call.nodes.endMaintenance({ id }));
    else await refusable(this.#call.nodes.uncordonNode({ id }));
  }

  async #remove(id: string): Promise<void> {
    const revoked = await refusable(this.#call.nodes.revokeNode({ id }));
    if (revoked !== null && this.#fleet.agents.nodes.get(id)?.attached) this.#fleet.agents.powerOff(id);
    await refusable(this.#call.nodes.removeNode({ id }));
  }

  async #waitToBeLetIn(): Promise<void> {
    const [name, createdAtMs] = [this.#name(), this.#fleet.clock.wallMs()];
    await new JoinTokenStore(this.#fleet.database.database).create({
      ...{ secretHash: name, clusterId: this.#fleet.clusterId, createdBy: "test", needsApproval: true },
      ...{ createdAtMs, expiresAtMs: createdAtMs + TOKEN_MS },
    });
    await this.#fleet.runtime().operations.awaitApproval({
      ...{ nodeId: deterministicId("waiting", this.#made), name, agentVersion: "0.1.0", tokenHash: name },
      ...{ keyFingerprint: KEY_FINGERPRINT, address: "192.0.2.7" },
    });
  }

  async #restockContainers(): Promise<void> {
    await refusable(this.#call.access.removeClusterQuota({ cluster: "local" }));
    const { containers } = await this.#call.containers.listContainers({ pageSize: 1_000 });
    const mine = containers.filter(({ id }) => id !== this.#held);
    const surplus = [...mine.filter(runs), ...mine.filter((one) => !runs(one))].slice(MOST);
    for (const { id } of surplus) await refusable(this.#call.containers.deleteContainer({ id }));
    await this.#missing(containers.filter(runs).length, async () => {
      const wish = { name: this.#name(), eggId: "hello-http", type: ContainerType.HA, tty: true };
      // Small ones: many fit.
      const resources = { cpuMillis: 50, memoryBytes: 32n * 1024n ** 2n, diskBytes: 0n };
      await this.#call.containers.createContainer({ ...wish, resources });
      await this.#fleet.settle();
    });
    // One that has something to install, and rests.
    const { eggs } = await this.#call.eggs.listEggs({ pageSize: 1_000, filter: "built_in = false" });
    const rests = ({ eggId, status }: Container): boolean =>
      status === ContainerStatus.STOPPED && eggs.some(({ id }) => id === eggId);
    const egg = eggs.find(({ panel }) => (panel?.installScriptBytes ?? 0) > 0);
    if (egg === undefined || containers.some(rests)) return;
    const wish = { name: this.#name(), eggId: egg.id, type: ContainerType.HA };
    const made = await refusable(this.#call.containers.createContainer(wish));
    await this.#fleet.settle();
    if (made?.container) await refusable(this.#call.containers.stopContainer({ id: made.container.id }));
  }

  async #holdMigration(round: number): Promise<void> {
    if (round % HELD_FOR !== 0) return;
    this.#held = null;
    await this.#fleet.settle();
    const { containers } = await this.#call.containers.listContainers({ pageSize: 1_000 });
    const chosen = containers.find((one) => runs(one) && one.type === ContainerType.HA);
    if (chosen === undefined) return;
    this.#held = chosen.id;
    await refusable(this.#call.containers.migrateContainer({ id: chosen.id }));
  }

  async #missing(have: number, make: () => Promise<unknown>): Promise<void> {
    // What the present settings refuse to make is left out: requests that change them come by as well.
    for (let count = have; count < LEAST; count++) await refusable(make());
  }

  /** Another one every time, and the same for the same seed. */
  #name(): string {
    return `stock-${++this.#made}`;
  }
}

/** Of the key of every node that waits to be let in. */
export const KEY_FINGERPRINT = `SHA256:${"k".repeat(43)}`;

export const isSuspended = ({ suspension }: Cluster): boolean => suspension !== undefined;
const serves = ({ status, duty }: Node): boolean =>
  status === NodeStatus.HEALTHY && duty?.state === DutyState.IN_SERVICE;
const runs = ({ status }: Container): boolean => status === ContainerStatus.RUNNING;

/** What the call resolves to; null when it is refused. A fault of the coordinator's rejects. */
async function refusable<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ConnectError && error.code !== Code.Internal && error.code !== Code.Unknown) {
      return null;
    }
    throw error;
  }
}
