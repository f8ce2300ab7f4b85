import { Socket } from "node:net";

/** The descriptor that tells of the supervisor's end, or null where there is none. Throws on anything but a number. */
export function lifelineFd(env: NodeJS.ProcessEnv): number | null {
  const text = env["LORMAS_LIFELINE_FD"];
  if (text === undefined || text === "") return null;
  const fd = Number(text);
  if (!Number.isInteger(fd) || fd < 3)
    throw new Error(`LORMAS_LIFELINE_FD is "${text}": it must be the number of an open pipe`);
  return fd;
}

/** Calls `ended` once when the other end of the pipe is gone. Does not keep the process alive by itself. */
export function watchLifeline(fd: number, ended: () => void): void {
  const pipe = new Socket({ fd, readable: true, writable: false });
  let told = false;
  const tell = () => {
    if (told) return;
    told = true;
    ended();
  };
  pipe.on("error", tell);
  pipe.on("close", tell);
  pipe.on("end", tell);
  pipe.resume();
  pipe.unref();
}
