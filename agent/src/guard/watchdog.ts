import { closeSync, constants, openSync, writeSync } from "node:fs";

/**
 * A watchdog device of the kernel, which resets the host when nobody writes to it within its timeout. It is spoken to by plain
 * writes alone: any byte pets it, a last "V" disarms it (the magic close). Node has no ioctl, so its timeout is the
 * operator's to set: no longer than K of the profile, and no shorter than 1 s, which the pets leave room for.
 */
export type Watchdog = {
  /** Holds the reset off for one more timeout. Throws when the device does not take it. */
  pet(): void;
  /** Disarms it: nothing is left here that it would have to end. */
  release(): void;
};

/** Opens the device, which arms it. Throws when it is not there or another process has it. */
export function openWatchdog(path: string): Watchdog {
  const fd = openSync(path, constants.O_WRONLY);
  return {
    pet() {
      writeSync(fd, "\0");
    },
    release() {
      writeSync(fd, "V");
      closeSync(fd);
    },
  };
}
