import { Socket } from "node:net";

/**
 * Calls back once when the other end of the lifeline is closed, which means that the supervisor is gone. Without a file
 * descriptor (production) it never does.
 */
export function onLifelineEnd(fd: number | null, callback: () => void): void {
  if (fd === null) return;
  // A socket is watched by the event loop; a file stream would hold one of the few threads for all its life.
  const lifeline = new Socket({ fd, readable: true, writable: false });
  lifeline.once("close", callback);
  lifeline.on("error", () => lifeline.destroy());
  lifeline.resume();
}
