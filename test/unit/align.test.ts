import { describe, expect, it } from "vitest";
import { align, closedForm, frequencyResponse, type AlignOptions, type MeasuredRule } from "../../src/align.ts";
import { agreementOf } from "../../src/align/agreement.ts";
import { fitTone, nearestTurn } from "../../src/align/transfer.ts";
import { DataError, SpecError } from "../../src/errors.ts";
import { createRandom } from "../../src/random.ts";
import { layered, type NetworkSpec } from "../../src/spec.ts";
import { createReferenceSimulator as createSimulator } from "./reference-simulator.ts";

const [steps, batch] = [300, 3];

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

const oneHidden = (tauR: number, schedule: "jacobi" | "sweep"): NetworkSpec =>
  layered({
    dt: 0.1,
    schedule,
    input: 3,
    hidden: [
      {
        size: 4,
        tauM: [1, 2, 1.5, 3],
        tauR: [0.25, 2, 0.125, 1],
        activation: "tanh",
        bias: { init: { kind: "constant", value: 0.3 } },
      },
    ],
    output: { size: 2, tauM: 2, tauR, activation: "linear" },
    cost: { kind: "squared-error", beta: 1 },
  });

const data = { input: noise(1, 3), target: noise(2, 2), steps, batch, seed: 5, createSimulator };

const measure = (network: NetworkSpec, options: Partial<AlignOptions> = {}) => align(network, { ...data, ...options });

describe("agreement of two gradients", () => {
  it("is 1 in all three with itself", () => {
    expect(agreementOf([1, -2, 0], [1, -2, 0])).toEqual({ cosine: 1, signs: 1, gain: 1 });
  });

  it("tells size, direction and signs apart", () => {
    // Twice as long along it, and something across it.
    const { cosine, signs, gain } = agreementOf([2, 2, 0, 0], [1, 0, 0, 0]);
    expect(gain).toBe(2);
    expect(cosine).toBeCloseTo(Math.SQRT1_2, 12);
    // The second entry is not 0 as it should be; the zeros of both do not count.
    expect(signs).toBe(0.5);
    expect(agreementOf([-3], [2])).toEqual({ cosine: -1, signs: 0, gain: -1.5 });
  });

  it("has no figures where a gradient is zero", () => {
    expect(agreementOf([0, 0], [1, 2])).toEqual({ cosine: null, signs: 0, gain: 0 });
    expect(agreementOf([1, 2], [0, 0])).toEqual({ cosine: null, signs: 0, gain: null });
    expect(agreementOf([0], [0])).toEqual({ cosine: null, signs: null, gain: null });
  });
});

describe("alignment", () => {
  it.each(["jacobi", "sweep"] as const)("of the exact gradient with itself is 1 (%s)", async (schedule) => {
    const rules = { again: { errors: "adjoint", window: steps } } as const;
    const { groups, loss } = await measure(oneHidden(2, schedule), { rules });
    const names = groups.map(({ parameters, name, size }) => `${parameters} ${name} ${size}`);
    // Some hidden neurons have tauR = 0.125, which is too fast to learn.
    const expected = [
      "weight input -> hidden 12",
      "weight hidden -> output 8",
      "bias hidden 4",
      "bias output 2",
      "tauM hidden 4",
      "tauM output 2",
      "tauR output 2",
    ];
    expect(names).toEqual(expected);
    expect(loss).toBeGreaterThan(0);
    for (const { norm, rules } of groups) {
      expect(norm).toBeGreaterThan(0);
      // The same numbers twice: only the three sums round.
      expect(rules["again"]?.cosine).toBeCloseTo(1, 12);
      expect(rules["again"]).toMatchObject({ signs: 1, gain: 1 });
    }
  });

  it("of matched traces with one hidden layer is 1 in a sweep whose output has tauR = tauM", async () => {
    const { groups } = await measure(oneHidden(2, "sweep"));
    for (const { parameters, rules } of groups) {
      const matched = rules["matched traces (ours)"];
      // Read back as f32, whose rounding is 6e-8, of gradients that have entries a thousand times below the largest.
      expect(matched?.cosine).toBeCloseTo(1, 10);
      expect(matched?.gain).toBeCloseTo(1, 5);
      expect(matched?.signs).toBe(1);
      // Above it every rule has the same errors, and tauR meets no filter.
      if (parameters === "tauR") expect(rules["local"]?.cosine).toBeCloseTo(1, 10);
    }
    const [first] = groups;
    // The published rule is not exact there.
    expect(first?.rules["local"]?.cosine).toBeLessThan(0.99);
    expect(first?.rules["instantaneous"]?.cosine).toBeLessThan(0.99);
  });

  it("has a figure for every rule where each can be measured", async () => {
    const { groups } = await measure(oneHidden(1, "jacobi"));
    for (const { rules } of groups) {
      expect(Object.keys(rules)).toEqual(["local", "matched traces (ours)", "corrected gain (ours)", "instantaneous"]);
    }
  });

  it("measures what is fixed in the network, too, and biases only where there are any", async () => {
    const { populations, projections, ...rest } = oneHidden(2, "jacobi");
    const fixed: NetworkSpec = {
      ...rest,
      populations: populations.map((each) => ({ ...each, bias: each.name === "output" ? false : { plastic: false } })),
      projections: projections.map((each) => ({ ...each, plastic: false })),
    };
    const { groups } = await measure(fixed, { rules: {} });
    const norms = groups.flatMap(({ parameters, name, norm }) =>
      /weight|bias/.test(parameters) ? [[name, norm]] : [],
    );
    expect(norms.map(([name]) => name)).toEqual(["input -> hidden", "hidden -> output", "hidden"]);
    for (const [, norm] of norms) expect(norm).toBeGreaterThan(0);
  });

  it("takes the parameters of another simulator", async () => {
    const network = oneHidden(2, "sweep");
    const other = await createSimulator(network, { batch: 1, seed: 9 });
    const [taken, own] = [await measure(network, { parametersOf: other }), await measure(network, { seed: 9 })];
    expect(taken).toEqual(own);
    expect(taken.loss).not.toBe((await measure(network)).loss);
  });

  it("sums windows, which see less of the future", async () => {
    const network = oneHidden(2, "sweep");
    const truncated = async (length: number) => {
      const rules = { truncated: { errors: "adjoint", window: length } } as const;
      return (await measure(network, { rules })).groups[0]?.rules["truncated"]?.cosine ?? 0;
    };
    const [short, long] = [await truncated(5), await truncated(100)];
    expect(short).toBeLessThan(long);
    expect(long).toBeLessThan(1 - 1e-9);
    const { window: length, groups } = await measure(network, { window: 100, rules: {} });
    expect(length).toBe(100);
    expect(groups[0]?.norm).not.toBe((await measure(network, { rules: {} })).groups[0]?.norm);
  });
});

describe("what is left out of an alignment", () => {
  it("is told with its reason", async () => {
    const { leftOut } = await measure(oneHidden(2, "jacobi"), { rules: {} });
    const reason = "is 0.125 at its lowest, and learns only from 1 (10 dt) on";
    expect(leftOut).toEqual([{ rule: null, parameters: "tauR", population: "hidden", reason }]);
  });

  it("are the time constants of populations that are too large for matched traces, or lag", async () => {
    const wide = layered({
      dt: 0.1,
      input: 3,
      hidden: [{ size: 17, tauM: 2, tauR: 1, activation: "tanh" }],
      output: { size: 2, tauM: 2, tauR: 2, activation: "linear" },
      cost: { kind: "squared-error" },
    });
    const rules = {
      matched: { errors: "local", traces: "matched" },
      aligned: { errors: "local", lagAligned: true },
    } as const;
    const { groups, leftOut } = await measure(wide, { rules });
    const of = (rule: string) =>
      leftOut.flatMap((each) => (each.rule === rule ? [`${each.parameters} ${each.population}`] : []));
    expect(of("matched")).toEqual(["tauM hidden", "tauR hidden"]);
    expect(of("aligned")).toEqual(["tauM hidden", "tauR hidden", "tauM output", "tauR output"]);
    const measured = groups.map(({ parameters, name, rules }) => [`${parameters} ${name}`, ...Object.keys(rules)]);
    expect(measured).toContainEqual(["tauM hidden"]);
    expect(measured).toContainEqual(["tauM output", "matched"]);
    expect(measured).toContainEqual(["bias hidden", "matched", "aligned"]);
  });

  it("is a rule that the network does not allow", async () => {
    const rules = { aligned: { errors: "local", lagAligned: true } } as const;
    const { groups, leftOut } = await measure(oneHidden(2, "sweep"), { rules });
    expect(leftOut.at(-1)).toMatchObject({ rule: "aligned", parameters: null, population: null });
    expect(leftOut.at(-1)?.reason).toContain("nothing lags");
    expect(groups.map(({ rules }) => Object.keys(rules).length)).toEqual(groups.map(() => 0));
  });

  it("is nothing of a rule that is wrong in itself", async () => {
    const rules = { wrong: { errors: "sideways" } as unknown as MeasuredRule };
    await expect(measure(oneHidden(2, "sweep"), { rules })).rejects.toThrow(SpecError);
    await expect(measure(oneHidden(2, "sweep"), { window: 7 })).rejects.toThrow(DataError);
  });
});

describe("a teacher-student chain with fixed parameters", () => {
  /** Square wave of half-period 2, smoothed with a deviation of 5 steps, as long as asked. */
  function wave(length: number): Float64Array {
    const kernel = Array.from({ length: 41 }, (_, i) => Math.exp(-((i - 20) ** 2) / 50));
    const sum = kernel.reduce((a, b) => a + b);
    const at = (k: number): number => (Math.floor((((k % 400) + 400) % 400) / 200) === 0 ? 1 : -1);
    return Float64Array.from({ length }, (_, k) =>
      kernel.reduce((total, w, i) => total + (w / sum) * at(k + i - 20), 0),
    );
  }

  const chain = (weights: readonly number[], tauM: readonly number[]): NetworkSpec => {
    const layer = (l: number) => ({
      size: 1,
      tauM: tauM[l] ?? 1,
      tauR: 0.1,
      activation: "softplus" as const,
      bias: false as const,
      init: { kind: "constant" as const, value: weights[l] ?? 0 },
    });
    const cost = { kind: "squared-error", beta: 0.01 } as const;
    return layered({ dt: 0.01, schedule: "sweep", input: 1, hidden: [layer(0)], output: layer(1), cost });
  };

  async function teach(input: Float32Array): Promise<Float32Array> {
    const record = [{ population: "output", quantity: "rate" }] as const;
    const teacher = await createSimulator(chain([1, 2], [1, 2]), { learning: { errors: "none" }, record });
    for await (const { traces } of teacher.run({
      input,
      target: new Float32Array(input.length),
      steps: input.length,
    })) {
      return traces[0] ?? new Float32Array();
    }
    throw new Error("no trace");
  }

  it("has local gradients with the right sign everywhere, and instantaneous ones with the wrong sign of the lower tauM", async () => {
    const input = Float32Array.from(wave(6000));
    const target = await teach(input);
    const ratios = async (weights: number[], tauM: number[]) => {
      const { groups } = await align(chain(weights, tauM), { input, target, steps: 6000, createSimulator });
      const gains = (rule: string) =>
        groups.flatMap(({ parameters, rules }) => (parameters === "tauR" ? [] : [rules[rule]?.gain ?? NaN]));
      return { local: gains("local"), instantaneous: gains("instantaneous") };
    };
    // Ratios to the exact gradient of both weights and both tauM, found with another implementation.
    const cases = [
      {
        at: [
          [0.5, 0.5],
          [1, 2],
        ],
        local: [12.7, 1.13, 15.9, 3.37],
        instantaneous: [0.11, 1.02, -1.7, 0.57],
      },
      {
        at: [
          [1.2, 1.5],
          [0.5, 1],
        ],
        local: [23.1, 0.01, 13.5, 3.48],
        instantaneous: [2.98, 0.64, -2.02, 1.05],
      },
      {
        at: [
          [0.9, 1.9],
          [0.9, 2.2],
        ],
        local: [14.0, 1.45, 16.5, 5.87],
        instantaneous: [-0.02, 1.03, -2.03, 0.46],
      },
    ];
    for (const { at, ...expected } of cases) {
      const found = await ratios(at[0] ?? [], at[1] ?? []);
      for (const rule of ["local", "instantaneous"] as const) {
        for (const [i, ratio] of found[rule].entries()) {
          // They were rounded to 0.01, and their wave did not start where this one does.
          const [wanted = Number.NaN, off] = [expected[rule][i], Math.abs(ratio - (expected[rule][i] ?? Number.NaN))];
          expect(off).toBeLessThan(0.01 + 0.02 * Math.abs(wanted));
        }
      }
      expect(Math.min(...found.local)).toBeGreaterThan(0);
      expect(found.instantaneous[2]).toBeLessThan(0);
    }
  });
});

describe("tones", () => {
  const frequencies = [0.5, 1, 2, 5, 10, 20];
  const chains = [
    [{ tauM: 1, tauR: 0.1 }],
    [{ tauM: 1, tauR: 1 }],
    [{ tauM: 0.5, tauR: 1 }],
    [
      { tauM: 1, tauR: 0.1 },
      { tauM: 0.5, tauR: 0.2 },
      { tauM: 0.5, tauR: 1 },
    ],
  ];

  it.each(chains)("have the closed forms' gain and phase %#", async (...chain) => {
    const { tones } = await frequencyResponse({ dt: 0.01, chain, frequencies, createSimulator });
    expect(tones.map(({ frequency }) => frequency)).toEqual(frequencies);
    for (const { measured, expected, phaseDifference, gainRatio, expectedGainRatio } of tones) {
      // Transients have decayed to 1e-6, and traces are f32; a chain has the sum of its neurons' deviations.
      for (const rule of ["local", "adjoint", "instantaneous"] as const) {
        expect(measured[rule].gain / expected[rule].gain).toBeCloseTo(1, 4);
        expect(Math.abs(measured[rule].phase - expected[rule].phase)).toBeLessThan(1e-4);
      }
      expect(Math.abs(phaseDifference)).toBeLessThan(1e-4);
      expect(gainRatio / expectedGainRatio).toBeCloseTo(1, 4);
    }
  });
});

describe("closed forms", () => {
  it("become those of continuous time as dt shrinks", () => {
    const [tauM, tauR, w, dt] = [1, 0.1, 1.98, 1e-5];
    const local = closedForm("local", [{ tauM, tauR }], dt, w);
    const adjoint = closedForm("adjoint", [{ tauM, tauR }], dt, w);
    // First order in dt / tauR, which is 1e-4.
    expect(local.phase).toBeCloseTo(Math.atan(w * tauM) - Math.atan(w * tauR), 3);
    expect(adjoint.phase).toBe(local.phase);
    expect(local.gain / adjoint.gain).toBeCloseTo((1 + (w * tauM) ** 2) / (1 + (w * tauR) ** 2), 3);
    expect(local.gain * adjoint.gain).toBeCloseTo(1, 12);
  });

  it("multiply along a chain and add up their phases, beyond half a turn", () => {
    const neuron = { tauM: 1, tauR: 0.01 };
    const one = closedForm("local", [neuron], 0.01, 5);
    const three = closedForm("local", [neuron, neuron, neuron], 0.01, 5);
    expect(three.gain).toBeCloseTo(one.gain ** 3, 9);
    expect(three.phase).toBeCloseTo(3 * one.phase, 12);
    expect(three.phase).toBeGreaterThan(Math.PI);
  });
});

describe("fitting a tone", () => {
  it("finds gain and phase, also over half a period", () => {
    const values = Float64Array.from({ length: 300 }, (_, k) => 2.5 * Math.cos(0.02 * k - 1.2));
    const { gain, phase } = fitTone(values, 0.02, 60, 217);
    expect(gain).toBeCloseTo(2.5, 12);
    expect(phase).toBeCloseTo(-1.2, 12);
  });

  it("places a phase by whole turns", () => {
    expect(nearestTurn(-3, 3.5)).toBeCloseTo(2 * Math.PI - 3, 12);
    expect(nearestTurn(1, 1.5)).toBe(1);
  });

  it("refuses what cannot be measured, with the limit", async () => {
    const chain = [{ tauM: 1, tauR: 1 }];
    const ask = (given: object) => frequencyResponse({ dt: 0.01, chain, frequencies: [1], createSimulator, ...given });
    await expect(ask({ chain: [] })).rejects.toThrow("at least one neuron");
    await expect(ask({ frequencies: [] })).rejects.toThrow("at least one");
    await expect(ask({ frequencies: [400] })).rejects.toThrow("314.2");
    await expect(ask({ frequencies: [0] })).rejects.toThrow(DataError);
  });
});
