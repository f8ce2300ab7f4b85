/** What the host's process is told once, by the file it is started with. */
export type HostOrder = { readonly databaseUrl: string; readonly dataDir: string };

/** To the host: commit so many events a second, each about a container. */
export type EmitOrder = {
  readonly type: "emit";
  readonly perSecond: number;
  readonly seconds: number;
  readonly containerIds: readonly string[];
};

/** To the host: for so long change the priority of some node every now and then, and foretell every node's death again and again. */
export type ForetellOrder = { readonly type: "foretell"; readonly seconds: number };

/** To the host: say for how long its thread was held, at most, since it was last asked. */
export type HeldOrder = { readonly type: "held" };

/** From the host, once it serves. */
export type HostReady = { readonly type: "ready"; readonly url: string };

/** From the host, once all are committed: sequence number and the moment after the commit, on the machine's monotonic clock. */
export type Emitted = { readonly type: "emitted"; readonly commits: readonly (readonly [number, number])[] };

/** From the host, in the end: how long each forecast of every node took. */
export type Foretold = { readonly type: "foretold"; readonly tookMs: readonly number[] };

/** From the host: the most CPU time that its thread spent between two turns of a timer. */
export type Held = { readonly type: "held"; readonly longestMs: number };

/** Under this name an event tells when its decision was submitted, on the machine's monotonic clock. */
export const SUBMITTED = "submittedMs";
