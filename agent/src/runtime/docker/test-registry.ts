import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import type Docker from "dockerode";

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_TYPE = "application/vnd.docker.container.image.v1+json";
const LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip";

const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** A private registry on loopback: of the registry's API version 2 what a pull asks, under Basic authentication. */
export class TestRegistry {
  /** Who may pull; null: everybody. */
  user: { readonly name: string; readonly password: string } | null;
  /** What was asked and answered, such as "GET /v2/ 401". */
  readonly asked: string[] = [];
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifests = new Map<string, Buffer>();
  readonly #server: Server;

  private constructor(user: TestRegistry["user"]) {
    this.user = user;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(user: TestRegistry["user"]): Promise<TestRegistry> {
    const registry = new TestRegistry(user);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** "127.0.0.1:40000", as images name it. */
  get server(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<unknown>((resolve) => this.#server.close(resolve));
  }

  /** Takes an image of an engine, as `docker save` has it, under a tag; answers its digest. */
  async push(docker: Docker, image: string, repository: string, tag: string): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), "lormas-registry-"));
    try {
      const tar = join(folder, "image.tar");
      await pipeline(await docker.getImage(image).get(), createWriteStream(tar));
      mkdirSync(join(folder, "image"));
      execFileSync("tar", ["-C", join(folder, "image"), "-xf", tar]);
      const read = (name: string): Buffer => readFileSync(join(folder, "image", name));
      const [saved] = JSON.parse(read("manifest.json").toString()) as { Config: string; Layers: string[] }[];
      if (!saved) throw new Error(`docker save wrote no image ${image}`);
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MANIFEST_TYPE,
          config: this.#blob(CONFIG_TYPE, read(saved.Config)),
          layers: saved.Layers.map((layer) => this.#blob(LAYER_TYPE, gzipSync(read(layer)))),
        }),
      );
      const digest = digestOf(manifest);
      this.#manifests.set(`${repository}/${digest}`, manifest);
      this.#manifests.set(`${repository}/${tag}`, manifest);
      return digest;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** Forgets a tag or a digest, as a registry that was cleaned up. */
  forget(repository: string, reference: string): void {
    this.#manifests.delete(`${repository}/${reference}`);
  }

  #blob(mediaType: string, bytes: Buffer): { mediaType: string; size: number; digest: string } {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, bytes);
    return { mediaType, size: bytes.length, digest };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    const send = (status: number, headers: Record<string, string | number>, body: Buffer): void => {
      this.asked.push(`${request.method} ${path} ${status}`);
      response.writeHead(status, { "content-length": body.length, ...headers });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    const refuse = (status: number, code: string, message: string, headers: Record<string, string> = {}): void =>
      send(
        status,
        { "content-type": "application/json", ...headers },
        Buffer.from(JSON.stringify({ errors: [{ code, message }] })),
      );
    if (!this.#admits(request.headers.authorization)) {
      const said = `authentication required, not ${request.headers.authorization ?? "nobody"}`;
      return refuse(401, "UNAUTHORIZED", said, { "www-authenticate": 'Basic realm="test"' });
    }
    if (path === "/v2/") return send(200, { "content-type": "application/json" }, Buffer.from("{}"));
    const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(path);
    const found = manifest && this.#manifests.get(`${manifest[1]}/${manifest[2]}`);
    if (found) {
      return send(200, { "content-type": MANIFEST_TYPE, "docker-content-digest": digestOf(found) }, found);
    }
    if (manifest) return refuse(404, "MANIFEST_UNKNOWN", "manifest unknown");
    const blob = this.#blobs.get(/\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path)?.[1] ?? "");
    if (blob) return send(200, { "content-type": "application/octet-stream" }, blob);
    refuse(404, "BLOB_UNKNOWN", "blob unknown");
  }

  #admits(authorization: string | undefined): boolean {
    if (this.user === null) return true;
    const { name, password } = this.user;
    return authorization === `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
  }
}
