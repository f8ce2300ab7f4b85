import { ControlSocket } from "./control-socket.ts";
import type { DataDir } from "./data-dir.ts";
import type { Supervisor } from "./supervisor.ts";

/** Opens the control socket of a data dir for a supervisor. */
export async function serveControl(dataDir: DataDir, supervisor: Supervisor): Promise<ControlSocket> {
  const socket = new ControlSocket(dataDir.socket, async (request) => {
    switch (request.op) {
      case "status":
        return {
          ok: true,
          result: { pid: process.pid, httpUrl: supervisor.ready?.httpUrl ?? "", children: supervisor.report() },
        };
      case "kill":
        return { ok: true, result: { killed: await supervisor.killNode(request.node) } };
      case "revive":
        await supervisor.reviveNode(request.node);
        return { ok: true, result: {} };
    }
  });
  await socket.listen();
  return socket;
}
