import type { BenchRun } from "./bench-run.ts";
import type { LinePlot } from "./line-plot.ts";

/** What a figure is held against: measured in the same run on the same machine, or promised by the product. */
export type Reference = { readonly name: string; readonly value: number };

/** One measured figure. */
export type Row = {
  readonly figure: string;
  readonly value: number;
  readonly unit: string;
  /** Null where there is nothing of its kind to compare with; in the same unit otherwise. */
  readonly reference: Reference | null;
  /** True or false where the project has promised a bound for this figure, null where it has not. */
  readonly met: boolean | null;
};

/** What a section has found out. */
export type Findings = { readonly rows: readonly Row[]; readonly plots: readonly LinePlot[] };

/** One question that the bench answers, in a folder of its own. */
export type Section = {
  /** As `--only` takes it: the name of its folder. */
  readonly name: string;
  /** For people: what is measured, how, and against what. */
  readonly measures: string;
  readonly run: (bench: BenchRun) => Promise<Findings>;
};

/** The figure divided by its reference; null without one, or where the reference is nothing. */
export function ratioOf({ value, reference }: Row): number | null {
  return reference === null || reference.value === 0 ? null : value / reference.value;
}

/** A figure that stands alone. */
export function plain(figure: string, value: number, unit: string): Row {
  return { figure, value, unit, reference: null, met: null };
}

/** A figure beside its reference, and perhaps the most that the ratio of the two may be. */
export function beside(figure: string, value: number, unit: string, reference: Reference, ratioMax?: number): Row {
  const row = { figure, value, unit, reference, met: null };
  const ratio = ratioOf(row);
  return { ...row, met: ratioMax === undefined || ratio === null ? null : ratio <= ratioMax };
}

/** A figure that must not be more than a bound, which is its reference. */
export function atMost(figure: string, value: number, unit: string, bound: number): Row {
  return { figure, value, unit, reference: { name: "must be at most", value: bound }, met: value <= bound };
}

/** A figure that must not be less than a bound, which is its reference. */
export function atLeast(figure: string, value: number, unit: string, bound: number): Row {
  return { figure, value, unit, reference: { name: "must be at least", value: bound }, met: value >= bound };
}
