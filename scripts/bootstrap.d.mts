export declare const repositoryRoot: string;
export declare function pinnedNode(root?: string): string;
export declare function staleDependencies(root?: string): string | undefined;
export declare function ensureDependencies(root?: string): void;
