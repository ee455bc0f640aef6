/** The state: fields of [batch][neurons], and behind them rates of sources, costs, targets, slopes and traces. */

import type { Needs } from "../needs.ts";
import type { Network } from "../spec.ts";
import { deferredSteps, placePairs } from "./deferral.ts";
import {
  Allocator,
  extraFields,
  pathOf,
  quadsOf,
  stateFields,
  type Books,
  type Layout,
  type Place,
  type PlanOptions,
  type PlannedSynapticTrace,
} from "./types.ts";

function fieldsOf({ record, energies, learning }: PlanOptions, needs: Needs): string[] {
  const { isOnline, isAdjoint, isMatched, learnsTauM, learnsTauR, keepsRates, sumsTau } = needs;
  const learnsTau = isOnline && (learnsTauM || learnsTauR);
  const hasEnergies = energies.length > 0;
  const isKept: Readonly<Record<(typeof extraFields)[number], boolean>> = {
    topDown: isMatched || learnsTau || hasEnergies || record.some(({ quantity }) => quantity === "topDown"),
    potentialDerivative: learnsTau || hasEnergies,
    previousRate: keepsRates,
    derivativeTrace: isMatched && learnsTauM,
    derivativeTraceState: isMatched && learnsTauM,
    topDownPower: learning.gain === "corrected",
    errorPower: learning.gain === "corrected",
    tauMSum: sumsTau,
    tauRSum: sumsTau,
    potentialGradient: isAdjoint,
  };
  return [...stateFields, ...extraFields.filter((name) => isKept[name])];
}

type StateLayout = Pick<Layout, "field" | "fields" | "state" | "costs" | "synapticTraces" | "deferredSteps"> & {
  readonly stride: number;
};

export function placeStates(
  { places, inner }: Books,
  network: Network,
  options: PlanOptions,
  needs: Needs,
): StateLayout {
  const { batch, replicas } = options;
  const allocator = new Allocator();
  const neurons = (size: number, first: number): Place => ({
    buffer: "state",
    first,
    rows: batch,
    paddingRows: 0,
    columns: size,
    axes: ["batch", "neurons"],
  });
  const fields = fieldsOf(options, needs);
  const firsts = network.populations.map(({ size }) => allocator.take(batch * quadsOf(size)));
  const field = allocator.end;
  network.populations.forEach(({ name, size }, index) => {
    for (const [order, quantity] of fields.entries()) {
      places.set(`${quantity}/${name}`, neurons(size, order * field + (firsts[index] ?? 0)));
    }
  });
  // Behind the rates of the populations, so that one offset finds the rate of either.
  const behind = new Allocator(fields.length * field);
  for (const { name, size } of network.sources) {
    places.set(`rate/${name}`, neurons(size, behind.take(batch * quadsOf(size))));
  }
  if (options.energies.length > 0) inner.set("action", behind.take(quadsOf(batch)));
  network.populations.forEach(({ name, size, cost }, index) => {
    if (cost !== null && network.targetDelay === 1) {
      inner.set(`keptTarget/${name}`, behind.take(2 * targetQuads(cost.kind, size, batch)));
    }
    const distance = needs.distances?.[index] ?? 0;
    if (distance > 0) inner.set(`slopes/${name}`, behind.take(slopeSlots(distance) * batch * quadsOf(size)));
  });
  const synapticTraces = placeSynapticTraces(network, batch, needs, behind, inner);
  const deferred = deferredSteps(network, options, needs);
  placePairs(behind, inner, network, deferred);
  const stride = behind.end;
  // Side by side, so that those of all networks are read and cleared at once.
  const summed = new Allocator(replicas * stride);
  const { end: first } = summed;
  for (const { name, size, cost } of network.populations) {
    if (cost !== null) places.set(`cost/${name}`, neurons(size, summed.take(batch * quadsOf(size))));
  }
  const costs = { first, count: summed.end - first };
  // Costs of the step are laid out like them, behind them.
  const state = first + replicas * costs.count * (options.energies.length > 0 ? 2 : 1);
  return { field, fields, state, costs, synapticTraces, stride, deferredSteps: deferred };
}

/** How late, in jacobi, an error meets the slope and the rates that it is about, `distance` projections below the cost. */
export const slopeSlots = (distance: number): number => (distance === 0 ? 0 : 2 * distance + 1);
const rateSlots = (distance: number): number => 2 * distance + 1;

/** Quads of a frame of target. */
export const targetQuads = (kind: "squared-error" | "cross-entropy", size: number, batch: number): number =>
  kind === "cross-entropy" ? quadsOf(batch) : batch * quadsOf(size);

function placeSynapticTraces(
  network: Network,
  batch: number,
  needs: Needs,
  behind: Allocator,
  inner: Map<string, number>,
): PlannedSynapticTrace[] {
  if (!needs.isTraced) return [];
  const traces: PlannedSynapticTrace[] = [];
  const isFiltered = needs.isMatched;
  network.projections.forEach((projection, block) => {
    const path = pathOf(network, projection);
    const row = quadsOf(projection.pre);
    const count = batch * row;
    const { representatives } = needs.classes[projection.to] ?? { representatives: [] };
    const slots = needs.distances === null ? 0 : rateSlots(needs.distances[projection.to] ?? 0);
    const isDelayed = !projection.fromSource && projection.delay === 1;
    const signal = `${needs.isSweep && isDelayed ? "previousRate" : "rate"}/${path[0]}`;
    // Traces of all classes one behind the other: class c of the kernel is c times `count` further on.
    const x = behind.take(representatives.length * count);
    inner.set(`traces/${path.join("/")}`, x);
    representatives.forEach((neuron, index) => {
      traces.push({
        kind: "rates",
        isFiltered,
        signal,
        block,
        population: projection.to,
        neuron,
        z: isFiltered ? behind.take(count) : 0,
        x: x + index * count,
        ring: slots > 0 ? behind.take(slots * count) : 0,
        slots,
        count,
        row,
      });
    });
  });
  network.populations.forEach(({ name, size, plasticTauM }, block) => {
    const own = { isFiltered, block, population: block, neuron: 0, ring: 0, slots: 0, row: quadsOf(size) };
    const x = behind.take(quadsOf(size));
    inner.set(`biasTraces/${name}`, x);
    const z = isFiltered ? behind.take(quadsOf(size)) : 0;
    traces.push({ ...own, kind: "ones", signal: `rate/${name}`, z, x, count: quadsOf(size) });
    if (!needs.isMatched || !plasticTauM) return;
    // Their places are fields of the state.
    const signal = `potentialDerivative/${name}`;
    traces.push({ ...own, kind: "derivatives", signal, z: -1, x: -1, count: batch * quadsOf(size) });
  });
  return traces;
}
