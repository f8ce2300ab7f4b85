const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes with a binary unit and at most three figures: "512 MiB", "1.5 GiB". */
export function formatBytes(bytes: bigint | number): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${byteUnits[unit] ?? "B"}`;
}

/** Thousandths of a core as cores: "0.25 cores", "1 core". */
export function formatCores(cpuMillis: number): string {
  const cores = Math.round(cpuMillis / 10) / 100;
  return `${cores} ${cores === 1 ? "core" : "cores"}`;
}

/** What is reserved, without what is not: "0.1 cores, 128 MiB memory". */
export function formatReserved(amounts: { cpuMillis: number; memoryBytes: bigint; diskBytes: bigint }): string {
  const parts = [formatCores(amounts.cpuMillis), `${formatBytes(amounts.memoryBytes)} memory`];
  if (amounts.diskBytes > 0n) parts.push(`${formatBytes(amounts.diskBytes)} disk`);
  return parts.join(", ");
}

/** A share as whole percent; "–" when there is nothing to share. */
export function formatShare(part: bigint | number, whole: bigint | number): string {
  const all = Number(whole);
  return all > 0 ? `${Math.round((Number(part) / all) * 100)} %` : "–";
}

/** A count with its noun: "1 node", "3 nodes". */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
