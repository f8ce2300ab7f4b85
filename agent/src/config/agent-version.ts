/** The agent's version, as it tells the coordinator; that of this workspace's package.json. */
export const AGENT_VERSION = "0.1.0";
