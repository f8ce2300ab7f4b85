import type { ServerResponse } from "node:http";
import type { Clock } from "../../runtime/clock.ts";

/** How long a caller may leave what it was sent unread, milliseconds. */
export const UNREAD_MS_MAX = 30_000;

/** True once the caller has read on; false when it is gone, or has left it unread for too long. */
export function drained(response: ServerResponse, clock: Clock): Promise<boolean> {
  if (response.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const done = (read: boolean) => (): void => {
      cancel();
      response.off("drain", onDrain);
      response.off("close", onClose);
      resolve(read);
    };
    const [onDrain, onClose] = [done(true), done(false)];
    const cancel = clock.schedule(UNREAD_MS_MAX, done(false));
    response.once("drain", onDrain);
    response.once("close", onClose);
  });
}
