/**
 * What a synapse keeps of the past: matched traces (ours), which filter a signal like the membrane of the postsynaptic
 * neuron, and delays that align it with errors that come late (docs/theory.md, "Matched traces").
 */

import { at } from "./array.ts";
import type { TimeConstants } from "./neurons.ts";

/** The forward filter F of a neuron, from s to the look-ahead potential, applied to another signal. Starts at rest. */
export function filterStep(z: Float64Array, k: number, x: number, tauM: number, tauR: number, dt: number): number {
  const difference = x - at(z, k);
  const filtered = at(z, k) + (tauR / tauM) * difference;
  z[k] = at(z, k) + (dt / tauM) * difference;
  return filtered;
}

/** Traces of [batch][pre] rates, one for each postsynaptic neuron: [batch][post][pre]. */
export class SynapticTraces {
  private readonly z: Float64Array;
  readonly value: Float64Array;
  private readonly pre: number;
  private readonly post: number;

  constructor(batch: number, post: number, pre: number) {
    this.z = new Float64Array(batch * post * pre);
    this.value = new Float64Array(batch * post * pre);
    this.pre = pre;
    this.post = post;
  }

  advance(rate: Float64Array, { tauM, tauR }: TimeConstants, dt: number): void {
    for (let k = 0; k < this.z.length; k++) {
      const i = Math.floor(k / this.pre) % this.post;
      const lane = Math.floor(k / this.pre / this.post);
      this.value[k] = filterStep(this.z, k, at(rate, lane * this.pre + (k % this.pre)), at(tauM, i), at(tauR, i), dt);
    }
  }

  /** Adds factor times signal [batch][post] times the traces, summed over the batch, to gradient [post][pre]. */
  addOuter(gradient: Float64Array, signal: Float64Array, factor: number): void {
    const { pre, post } = this;
    for (let k = 0; k < this.value.length; k++) {
      const [neuron, j] = [Math.floor(k / pre), k % pre];
      const place = (neuron % post) * pre + j;
      gradient[place] = at(gradient, place) + factor * at(signal, neuron) * at(this.value, k);
    }
  }

  reset(): void {
    this.z.fill(0);
    this.value.fill(0);
  }
}

/** Traces of one signal for each neuron, [batch][neurons]: its own du/dt, or the constant 1 that its bias is. */
export class NeuronTraces {
  private readonly z: Float64Array;
  readonly value: Float64Array;

  constructor(count: number) {
    this.z = new Float64Array(count);
    this.value = new Float64Array(count);
  }

  advance(signal: (k: number) => number, { tauM, tauR }: TimeConstants, dt: number): void {
    for (let k = 0; k < this.z.length; k++) {
      const i = k % tauM.length;
      this.value[k] = filterStep(this.z, k, signal(k), at(tauM, i), at(tauR, i), dt);
    }
  }

  reset(): void {
    this.z.fill(0);
    this.value.fill(0);
  }
}

/** Gives back what it was given some steps ago; zeros before that. */
export class Delay {
  private readonly ring: Float64Array[];
  private next = 0;

  constructor(steps: number, count: number) {
    this.ring = Array.from({ length: steps }, () => new Float64Array(count));
  }

  advance(values: Float64Array): Float64Array {
    const slot = this.ring[this.next];
    if (slot === undefined) return values;
    const old = slot.slice();
    slot.set(values);
    this.next = (this.next + 1) % this.ring.length;
    return old;
  }

  reset(): void {
    for (const slot of this.ring) slot.fill(0);
    this.next = 0;
  }
}
