import { shown } from "./figure-table.ts";

export type Point = { readonly x: number; readonly y: number };
export type Series = { readonly name: string; readonly points: readonly Point[] };

/** A picture of how figures grow: lines over a common axis, both axes from zero. */
export type LinePlot = {
  /** The file's name without ".svg". */
  readonly name: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
};

const WIDTH = 640;
const HEIGHT = 360;
const LEFT = 70;
const RIGHT = 20;
const TOP = 44;
const BOTTOM = 84;
/** Told apart by people who do not tell red from green, on white and on black. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"] as const;

/** The plot as an SVG document. Throws where there is no point to draw. */
export function svgOf(plot: LinePlot): string {
  const points = plot.series.flatMap((series) => series.points);
  if (points.length === 0) throw new Error(`plot ${plot.name}: there is nothing to draw`);
  const xTicks = axisTicks(Math.max(...points.map(({ x }) => x)));
  const yTicks = axisTicks(Math.max(...points.map(({ y }) => y)));
  const atX = (x: number): string => (LEFT + (x / (xTicks.at(-1) ?? 1)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const atY = (y: number): string =>
    (HEIGHT - BOTTOM - (y / (yTicks.at(-1) ?? 1)) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 24, plot.title, 'font-size="15" font-weight="bold"'),
    ...yTicks.flatMap((tick) => [
      `<line x1="${LEFT}" y1="${atY(tick)}" x2="${WIDTH - RIGHT}" y2="${atY(tick)}" stroke="#dddddd"/>`,
      text(LEFT - 8, Number(atY(tick)) + 4, shown(tick), 'text-anchor="end"'),
    ]),
    ...xTicks.map((tick) => text(Number(atX(tick)), HEIGHT - BOTTOM + 18, shown(tick), 'text-anchor="middle"')),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 38, plot.xLabel, 'text-anchor="middle"'),
    `<text transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(plot.yLabel)}</text>`,
    ...plot.series.flatMap((series, index) => drawn(series, index, atX, atY)),
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

function drawn(series: Series, index: number, atX: (x: number) => string, atY: (y: number) => string): string[] {
  const colour = COLOURS[index % COLOURS.length] ?? COLOURS[0];
  const path = series.points.map(({ x, y }) => `${atX(x)},${atY(y)}`).join(" ");
  const legendX = LEFT + (index % 2) * ((WIDTH - LEFT - RIGHT) / 2);
  const legendY = HEIGHT - 26 + Math.floor(index / 2) * 16;
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...series.points.map(({ x, y }) => `<circle cx="${atX(x)}" cy="${atY(y)}" r="3" fill="${colour}"/>`),
    `<rect x="${legendX}" y="${legendY - 9}" width="10" height="10" fill="${colour}"/>`,
    text(legendX + 16, legendY, series.name, ""),
  ];
}

/** Round numbers from zero to at least `max`, four to six steps apart evenly. */
export function axisTicks(max: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999_999) ?? 10);
  const steps = Math.ceil(max / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${x}" y="${y}"${attributes === "" ? "" : ` ${attributes}`}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
