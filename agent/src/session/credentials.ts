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
  readonly caPem: string;
};

const NODE_FILE = z.object({ nodeId: z.uuid(), nodeName: z.string().min(2), clusterName: z.string() });
const FILES = { node: "node.json", key: "key.pem", certificate: "cert.pem", ca: "ca.pem" } as const;

/** Reads what enrolment stored; null when this folder was never enrolled. Throws when the files are there but broken. */
export async function loadCredentials(dataDir: string): Promise<Credentials | null> {
  const read = (name: string) => readFile(join(dataDir, name), "utf8");
  let node: string;
  try {
    node = await read(FILES.node);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const [keyPem, certificatePem, caPem] = await Promise.all([
      read(FILES.key),
      read(FILES.certificate),
      read(FILES.ca),
    ]);
    return { ...NODE_FILE.parse(JSON.parse(node)), keyPem, certificatePem, caPem };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the node's credentials in ${dataDir} cannot be read: ${reason}. Restore ${Object.values(FILES).join(", ")}, ` +
        "or remove the node from the fleet and enrol it anew with an empty folder",
    );
  }
}

/**
 * The key to enrol with: the one in the folder, else a new one, stored before anybody is asked to certify it. A claim whose
 * answer was lost in a crash is then made again with the same key, which is what the coordinator answers again.
 */
export async function enrolmentKey(dataDir: string, newKey: () => Promise<string>): Promise<string> {
  const path = join(dataDir, FILES.key);
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const keyPem = await newKey();
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeDurably(path, keyPem);
  return keyPem;
}

/** Stores credentials, each file 0600; node.json comes last, so that it exists only when all others do. */
export async function saveCredentials(dataDir: string, credentials: Credentials): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeDurably(join(dataDir, FILES.ca), credentials.caPem);
  await writeDurably(join(dataDir, FILES.key), credentials.keyPem);
  await writeDurably(join(dataDir, FILES.certificate), credentials.certificatePem);
  const { nodeId, nodeName, clusterName } = credentials;
  await writeDurably(join(dataDir, FILES.node), `${JSON.stringify({ nodeId, nodeName, clusterName }, null, 2)}\n`);
}
