/** What happens to a wish after which some node's death would leave an HA container without a place. */
export type NPlusOnePolicy = "off" | "warn" | "refuse";
