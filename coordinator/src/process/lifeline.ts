import { createReadStream } from "node:fs";

/**
 * Calls back once when the other end of the lifeline pipe is closed, which means that the supervisor is gone. Without a
 * file descriptor (production) it never does.
 */
export function onLifelineEnd(fd: number | null, callback: () => void): void {
  if (fd === null) return;
  const stream = createReadStream("", { fd, autoClose: false });
  stream.on("end", callback);
  stream.on("error", callback);
  stream.resume();
}
