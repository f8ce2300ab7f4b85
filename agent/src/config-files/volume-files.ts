/**
 * The files of one volume, of a container that does not run. Both calls go from the volume's root step by step and reject with the
 * RuntimeFault "config_failed" when one of the steps is a symbolic link, or no folder: whatever a container has put into its
 * volume, nothing outside of it is read or written.
 */
export type VolumeFiles = {
  /** Null when there is none. Rejects when it is longer, or no file. */
  read(steps: readonly string[], bytesMax: number): Promise<Uint8Array | null>;
  /**
   * Puts a file there, whole or not at all. One that is there keeps its owner and mode; a new one, and the folders that it needs,
   * get the owner of the folder that they are made in.
   */
  write(steps: readonly string[], content: Uint8Array): Promise<void>;
};
