/** Pieces of SVG pictures as strings: no page and no library is needed to draw. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface PictureOptions {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** One line below the title: what was run, and on what. */
  readonly subtitle: string;
  /** What the picture shows, in words, for those who cannot see it. */
  readonly description: string;
}

/** Blue, orange, green, purple and grey that stay apart for colour-blind eyes; each reads on white (4.5 to 1). */
export const COLORS = {
  blue: "#0067a5",
  orange: "#b84a00",
  green: "#00755a",
  purple: "#8f3f97",
  grey: "#666666",
} as const;

/** A picture with its title and subtitle at the upper left, on white ground. */
export function picture(options: PictureOptions, content: readonly string[]): string {
  const { width, height, title, subtitle, description } = options;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
      `font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="13" fill="#222" role="img">`,
    `<title>${escape(title)}</title>`,
    `<desc>${escape(description)}</desc>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text({ x: 16, y: 28 }, title, 'font-size="17" font-weight="600"'),
    text({ x: 16, y: 48 }, subtitle, 'fill="#555"'),
    ...content,
    "</svg>",
    "",
  ].join("\n");
}

export function line(from: Point, to: Point, attributes: string): string {
  return `<line x1="${round(from.x)}" y1="${round(from.y)}" x2="${round(to.x)}" y2="${round(to.y)}" ${attributes}/>`;
}

export function polyline(points: readonly Point[], attributes: string): string {
  const places = points.map(({ x, y }) => `${round(x)},${round(y)}`).join(" ");
  return `<polyline points="${places}" fill="none" ${attributes}/>`;
}

export function text({ x, y }: Point, content: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escape(content)}</text>`;
}

/** To a tenth of a pixel. */
export function round(value: number): string {
  return String(Math.round(10 * value) / 10);
}

/** Moves ascending heights apart until neighbours are `gap` from each other and none is below `floor`. */
export function spread(heights: readonly number[], gap: number, floor: number): number[] {
  const places = [...heights];
  for (let i = 1; i < places.length; i++) {
    places[i] = Math.max(places[i] ?? 0, (places[i - 1] ?? 0) + gap);
  }
  let lowest = floor;
  for (let i = places.length - 1; i >= 0; i--) {
    places[i] = Math.min(places[i] ?? 0, lowest);
    lowest = (places[i] ?? 0) - gap;
  }
  return places;
}

function escape(content: string): string {
  return content.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
