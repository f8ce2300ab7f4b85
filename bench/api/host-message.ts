/** What the host's process is told once, by the file it is started with. */
export type HostOrder = { readonly databaseUrl: string; readonly dataDir: string };

/** To the host: commit so many events a second, each about a container. */
export type EmitOrder = {
  readonly type: "emit";
  readonly perSecond: number;
  readonly seconds: number;
  readonly containerIds: readonly string[];
};

/** From the host, once it serves. */
export type HostReady = { readonly type: "ready"; readonly url: string };

/** From the host, once all are committed: sequence number and the moment after the commit, on the machine's monotonic clock. */
export type Emitted = { readonly type: "emitted"; readonly commits: readonly (readonly [number, number])[] };

/** Under this name an event tells when its decision was submitted, on the machine's monotonic clock. */
export const SUBMITTED = "submittedMs";
