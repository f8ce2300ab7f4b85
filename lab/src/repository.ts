import { fileURLToPath } from "node:url";

/** The root of the clone whose sources the lab runs. */
export const repository = fileURLToPath(new URL("../../", import.meta.url));
