import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeDurably } from "../journal/durable-file.ts";

/** Who this node is and how it proves it. */
export type Credentials = {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly clusterName: string;
  readonly keyPem: string;
  readonly certificatePem: string;
  /** Every authority that is trusted, the one that has signed the certificate first. */
  readonly caPem: string;
};

/** Where a node's credentials are kept: what is stored has reached the disk when the call resolves. */
export type CredentialStore = {
  /** Null when this node was never enrolled. Rejects when what is there is broken. */
  load(): Promise<Credentials | null>;
  /**
   * The key to enrol with: the one that is kept, else a new one, stored before anybody is asked to certify it. A claim whose
   * answer was lost in a crash is then made again with the same key, which is what the coordinator answers again.
   */
  enrolmentKey(newKey: () => Promise<string>): Promise<string>;
  save(credentials: Credentials): Promise<void>;
};

const NODE_FILE = z.object({ nodeId: z.uuid(), nodeName: z.string().min(2), clusterName: z.string() });
const FILES = { node: "node.json", key: "key.pem", certificate: "cert.pem", ca: "ca.pem" } as const;

/** Credentials as files of 0600 in the node's folder. */
export class CredentialFiles implements CredentialStore {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  async load(): Promise<Credentials | null> {
    let node: string;
    try {
      node = await this.#read(FILES.node);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
    try {
      const [keyPem, certificatePem, caPem] = await Promise.all([
        this.#read(FILES.key),
        this.#read(FILES.certificate),
        this.#read(FILES.ca),
      ]);
      return { ...NODE_FILE.parse(JSON.parse(node)), keyPem, certificatePem, caPem };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(
        `the node's credentials in ${this.#dataDir} cannot be read: ${reason}. Restore ${Object.values(FILES).join(", ")}, ` +
          "or remove the node from the fleet and enrol it anew with an empty folder",
      );
    }
  }

  async enrolmentKey(newKey: () => Promise<string>): Promise<string> {
    try {
      return await this.#read(FILES.key);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    const keyPem = await newKey();
    await this.#write(FILES.key, keyPem);
    return keyPem;
  }

  /** node.json comes last, so that it exists only when all others do. */
  async save({ nodeId, nodeName, clusterName, ...pems }: Credentials): Promise<void> {
    await this.#write(FILES.ca, pems.caPem);
    await this.#write(FILES.key, pems.keyPem);
    await this.#write(FILES.certificate, pems.certificatePem);
    await this.#write(FILES.node, `${JSON.stringify({ nodeId, nodeName, clusterName }, null, 2)}\n`);
  }

  #read(name: string): Promise<string> {
    return readFile(join(this.#dataDir, name), "utf8");
  }

  async #write(name: string, text: string): Promise<void> {
    await mkdir(this.#dataDir, { recursive: true, mode: 0o700 });
    await writeDurably(join(this.#dataDir, name), text);
  }
}
