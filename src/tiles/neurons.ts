/** How the work on neurons, their time constants and whole blocks of parameters is cut. Pure. */

import { networkShape, quadsOf, type Layout, type PlanOptions, type Tuning } from "../layout.ts";
import type { Needs } from "../needs.ts";
import type { Network, Population, Source } from "../spec.ts";
import { blank, cutInto, firstOf, joined, none, stretchOf, type Groups, type Tile } from "./tile.ts";

/** Invocations of a workgroup of most kernels, and the quads of the longest row of a softmax that one invocation takes. */
export const neuronTile = { width: 64, wideRow: 16 };
const neuronFlags = { narrowRows: 1, wideRow: 2 };

/** Softmax needs a whole batch row: in one invocation if it is short, else in one workgroup. */
const needsRows = (node: Population | Source): boolean => "cost" in node && node.cost?.kind === "cross-entropy";
export const hasWideRows = (node: Population | Source): boolean =>
  needsRows(node) && quadsOf(node.size) > neuronTile.wideRow;

export function neuronGroups(
  network: Network,
  options: PlanOptions,
  { isSweep }: Needs,
  levels: number,
  isSmall: boolean,
): Groups {
  const { populations, sources } = network;
  const tilesOf = neuronTiler(network, options, isSmall ? networkShape(options).width : options.tuning.neuronWidth);
  const own = populations.map((node, block) => ({ level: node.level, tiles: tilesOf(node, block) }));
  const given = sources.flatMap((node, index) => tilesOf(node, populations.length + index));
  if (!isSweep) return joined([[...own.flatMap(({ tiles }) => tiles), ...given]]);
  const byLevel = Array.from({ length: levels }, (_, level) =>
    own.filter((each) => each.level === level).flatMap(({ tiles }) => tiles),
  );
  return joined([...byLevel, given]);
}

export function neuronTiler(
  network: Network,
  { batch, tuning }: PlanOptions,
  width: number,
): (node: Population | Source, block: number) => Tile[] {
  const nodes = [...network.populations, ...network.sources];
  const total = nodes.reduce((sum, { size }) => sum + quadsOf(size) * batch, 0);
  const stretch = stretchOf(total, width, tuning);
  return (node, block) => {
    const quads = quadsOf(node.size);
    if (hasWideRows(node)) {
      return cutInto(batch * quads, quads, (row, rows) => ({ ...blank, block, row, rows, flags: neuronFlags.wideRow }));
    }
    if (needsRows(node)) {
      const flags = neuronFlags.narrowRows;
      // One row for each invocation.
      return cutInto(batch, width, (row, rows) => ({ ...blank, block, row, rows, flags }));
    }
    return cutInto(batch * quads, stretch, (row, rows) => ({ ...blank, block, row, rows }));
  };
}

export function traceGroups({ synapticTraces }: Layout, tuning: Tuning): Groups {
  const total = synapticTraces.reduce((sum, { count }) => sum + count, 0);
  const stretch = stretchOf(total, neuronTile.width, tuning);
  const tilesOf = (needsDerivatives: boolean): Tile[] =>
    synapticTraces.flatMap(({ kind, count }, block) =>
      (kind === "derivatives") === needsDerivatives
        ? cutInto(count, stretch, (row, rows) => ({ ...blank, block, row, rows }))
        : [],
    );
  return joined([tilesOf(false), tilesOf(true)]);
}

/** The quads of every population whose time constants learn in each step. */
export function tauTiles({ populations }: Network, { isOnline }: Needs, layout: Layout, tuning: Tuning): Tile[] {
  if (!isOnline) return [];
  const stretch = stretchOf(1, neuronTile.width, tuning);
  return populations.flatMap(({ name, size, plasticTauM, plasticTauR }, block) => {
    const flags = Number(plasticTauM) + 2 * Number(plasticTauR);
    const columns = quadsOf(size);
    const column = firstOf(layout, `error/${name}`);
    const places = { current: firstOf(layout, `tauM/${name}`), feedback: firstOf(layout, `tauR/${name}`) };
    if (flags === 0) return [];
    return cutInto(columns, stretch, (row, rows) => ({ block, row, rows, column, columns, ...places, flags }));
  });
}

const applyFlags = { tauM: 1, tauR: 2, learns: 4 };

/** Every block of parameters that has a gradient. */
export function applyTiles(network: Network, { sumsTau }: Needs, layout: Layout, tuning: Tuning): Tile[] {
  const stretch = stretchOf(layout.moments, neuronTile.width, tuning);
  const block = (key: string, flags: number, more: Partial<Tile> = {}): Tile[] => {
    const place = layout.places.get(key);
    const quads = place === undefined ? 0 : (place.rows + place.paddingRows) * quadsOf(place.columns);
    const current = place?.first ?? none;
    return cutInto(quads, stretch, (row, rows) => ({ ...blank, row, rows, current, ...more, flags }));
  };
  const weights = network.projections.flatMap(({ plastic, name }) =>
    plastic ? block(`weight/${name.replace(" -> ", "/")}`, applyFlags.learns) : [],
  );
  const neurons = network.populations.flatMap(({ name, size, bias, plasticTauM, plasticTauR }) => {
    const ofBias = bias.plastic ? block(`bias/${name}`, applyFlags.learns) : [];
    if (!sumsTau) return ofBias;
    const ofTau = (key: "tauM" | "tauR", isPlastic: boolean): Tile[] =>
      block(`${key}/${name}`, applyFlags[key] + (isPlastic ? applyFlags.learns : 0), {
        column: firstOf(layout, `${key}Sum/${name}`),
        columns: quadsOf(size),
      });
    return [...ofBias, ...ofTau("tauM", plasticTauM), ...ofTau("tauR", plasticTauR)];
  });
  return [...weights, ...neurons];
}
