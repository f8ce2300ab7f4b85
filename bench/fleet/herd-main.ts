// One process of simulated agents: node herd-main.ts ORDER.json, started by agent-herd.ts. Ends with its parent.
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { createSecureContext } from "node:tls";
import { monotonicMs } from "../frame/monotonic-clock.ts";
import type { HerdOrder, HerdQuestion, HerdReport, HerdStatus } from "./herd-message.ts";
import { type AgentListener, SimulatedAgent } from "./simulated-agent.ts";

/** Dials that wait for their first acknowledgement while the herd gathers; a machine's handshakes are bounded. */
const DIALLING_MAX = 16;
const STATUS_MS = 100;
/** Heartbeats go out in slots of this length, evenly over the interval. */
const SLOT_MS = 10;
/** Round trips that are kept for percentiles; the rest is counted alone. */
const TOOK_MAX = 20_000;

/** Where the machine is full, what is measured goes first: a real fleet does not share its coordinator's cores. */
const NICE = 5;

const [orderFile = ""] = process.argv.slice(2);
setPriority(NICE);
// Written by agent-herd.ts.
const order = JSON.parse(readFileSync(orderFile, "utf8")) as HerdOrder;

const counted = { sent: 0, acknowledged: 0, lost: 0 };
let marked = { ...counted };
let tookMs: number[] = [];
let lastServedMs = 0;
let lastLoss = "";
let dialled = 0;
/** Agents that were served once; the herd gathers until all were. */
let gathered = 0;

const told: AgentListener = {
  lost: (reason) => {
    counted.lost += 1;
    lastLoss = reason;
  },
  sent: () => {
    counted.sent += 1;
  },
  acknowledged: (ms, first) => {
    counted.acknowledged += 1;
    if (tookMs.length < TOOK_MAX) tookMs.push(ms);
    if (!first) return;
    lastServedMs = monotonicMs();
    gathered += 1;
    dialMore();
  },
};

const agents = order.agents.map(({ nodeId, certificatePem, keyPem, localAddress }) => {
  const secureContext = createSecureContext({
    ca: order.caPem,
    cert: certificatePem,
    key: keyPem,
    minVersion: "TLSv1.3",
  });
  return new SimulatedAgent({ nodeId, host: order.host, port: order.port, localAddress, secureContext, told });
});

function dialMore(): void {
  while (dialled < agents.length && dialled - gathered < DIALLING_MAX) agents[dialled++]?.dial();
}
dialMore();

const slots = Math.max(1, Math.round(order.intervalMs / SLOT_MS));
const begunMs = performance.now();
let slot = 0;
setInterval(() => {
  // A late timer makes up for what it missed, but never sends two heartbeats of an agent for one interval.
  const due = Math.floor((performance.now() - begunMs) / SLOT_MS);
  slot = Math.max(slot, due - slots);
  for (; slot < due; slot += 1) {
    for (let index = slot % slots; index < agents.length; index += slots) agents[index]?.beat();
  }
}, SLOT_MS);

setInterval(() => {
  const served = agents.reduce((count, agent) => count + (agent.served ? 1 : 0), 0);
  tell({ type: "status", served, lastServedMs, lost: counted.lost, lastLoss });
}, STATUS_MS);

process.on("message", (question: HerdQuestion) => {
  if (question.type === "mark") {
    marked = { ...counted };
    tookMs = [];
    return;
  }
  tell({
    type: "report",
    sent: counted.sent - marked.sent,
    acknowledged: counted.acknowledged - marked.acknowledged,
    lost: counted.lost - marked.lost,
    tookMs,
  });
});
process.on("disconnect", () => process.exit(0));

function tell(message: HerdStatus | HerdReport): void {
  if (process.connected) process.send?.(message);
}
