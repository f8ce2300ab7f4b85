export declare function uiHasSources(root?: string): boolean;
export declare function uiInputsDigest(root?: string): string;
export declare function uiIsStale(root?: string): boolean;
export declare function ensureUiBuilt(root?: string): "absent" | "fresh" | "built";
