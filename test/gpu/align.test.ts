/** Alignment on the GPU: identities that hold in exact arithmetic, and closed forms. */

import { describe, expect, it } from "vitest";
import { align, frequencyResponse, layered } from "../../src/index.ts";
import { createRandom } from "../../src/random.ts";
import { createReferenceSimulator } from "../unit/reference-simulator.ts";
import { useLazyDevice } from "./shared-device.ts";

const device = useLazyDevice();

const [steps, batch] = [200, 5];
const network = layered({
  dt: 0.1,
  schedule: "sweep",
  input: 7,
  hidden: [{ size: 13, tauM: [1, 2, 3], tauR: [0.125, 1, 0.5], activation: "tanh" }],
  output: { size: 6, tauM: 2, tauR: 2, activation: "linear" },
  cost: { kind: "squared-error" },
});

/** Smoothed noise, [step][batch][neurons]. */
function noise(seed: number, size: number): Float32Array {
  const random = createRandom(seed, 1);
  const row = batch * size;
  const values = new Float32Array(steps * row);
  for (let i = 0; i < values.length; i++) {
    values[i] = 0.9 * (i < row ? 0 : (values[i - row] ?? 0)) + random.uniform() - 0.5;
  }
  return values;
}

describe("alignment", () => {
  const data = { input: noise(1, 7), target: noise(2, 6), steps, batch, seed: 3 };

  it("of matched traces under an output without lag is 1", async () => {
    const rules = { matched: { errors: "local", traces: "matched" } } as const;
    const { groups, leftOut } = await align(network, { ...data, rules, device: device() });
    const kinds = groups.map(({ parameters, name }) => `${parameters} ${name}`);
    const taus = ["tauM hidden", "tauM output", "tauR output"];
    expect(kinds).toEqual(["weight input -> hidden", "weight hidden -> output", "bias hidden", "bias output", ...taus]);
    expect(leftOut).toHaveLength(1);
    for (const { parameters, name, rules } of groups) {
      // An identity of exact arithmetic; f32 sums over 200 steps keep 4 to 5 digits of what cancels.
      const { cosine, signs, gain } = rules["matched"] ?? {};
      expect(1 - (cosine ?? 0), `${parameters} ${name}`).toBeLessThan(1e-6);
      expect(Math.abs((gain ?? 0) - 1), `${parameters} ${name}`).toBeLessThan(1e-4);
      expect(signs).toBeGreaterThan(0.95);
    }
  });

  it.each(["jacobi", "sweep"] as const)("is that of the f64 reference (%s)", async (schedule) => {
    const shape = { ...network, schedule };
    const ours = await align(shape, { ...data, device: device() });
    const theirs = await align(shape, { ...data, createSimulator: createReferenceSimulator });
    expect(ours.leftOut).toEqual(theirs.leftOut);
    expect(ours.groups.map(({ name }) => name)).toEqual(theirs.groups.map(({ name }) => name));
    for (const [i, { norm, rules }] of ours.groups.entries()) {
      // Figures of some hundred f32 steps each; a wrong sign, index or order is 1e-2 and more.
      expect(norm / (theirs.groups[i]?.norm ?? NaN)).toBeCloseTo(1, 3);
      for (const [rule, { cosine, gain }] of Object.entries(rules)) {
        expect(cosine).toBeCloseTo(theirs.groups[i]?.rules[rule]?.cosine ?? NaN, 3);
        expect((gain ?? NaN) / (theirs.groups[i]?.rules[rule]?.gain ?? NaN)).toBeCloseTo(1, 2);
      }
    }
  });
});

describe("tones", () => {
  it.each([
    [[{ tauM: 1, tauR: 0.1 }]],
    [[{ tauM: 0.5, tauR: 1 }]],
    [
      [
        { tauM: 1, tauR: 0.2 },
        { tauM: 0.5, tauR: 0.5 },
        { tauM: 0.5, tauR: 0.1 },
      ],
    ],
  ])("have the closed forms' gain and phase: %j", async (chain) => {
    // dt is larger than that of `npm run align`, for which the closed forms hold as well, with fewer steps.
    const { tones } = await frequencyResponse({ dt: 0.05, chain, frequencies: [1, 2, 5, 10, 20], device: device() });
    for (const { measured, expected, phaseDifference, gainRatio, expectedGainRatio } of tones) {
      // Transients have decayed to 1e-6, and all is f32.
      expect(Math.abs(phaseDifference)).toBeLessThan(1e-3);
      expect(Math.abs(gainRatio / expectedGainRatio - 1)).toBeLessThan(1e-3);
      for (const rule of ["local", "adjoint", "instantaneous"] as const) {
        expect(Math.abs(measured[rule].gain / expected[rule].gain - 1)).toBeLessThan(1e-3);
        expect(Math.abs(measured[rule].phase - expected[rule].phase)).toBeLessThan(1e-3);
      }
    }
  });
});
