import { describe, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { resolveLearning, resolveNetwork } from "../../src/reference/index.ts";
import {
  createInput,
  experimentNamed,
  EXPERIMENTS,
  learningOf,
  SCHEDULES,
  smoothedSquareWave,
  startOf,
  STUDENT_RULES,
  studentOf,
  teacherOf,
  threeTones,
  weightsOf,
  type Way,
} from "../../src/tasks/teacher-student.ts";

const lagline = experimentNamed("lagline");
const lagnet = experimentNamed("lagnet");
const ways = STUDENT_RULES.flatMap((rule) => SCHEDULES.map((schedule): Way => ({ rule, schedule })));

describe("inputs", () => {
  test("the square wave is odd about its edges, flat between them, and smooth at them", () => {
    const wave = smoothedSquareWave();
    expect(wave).toHaveLength(400);
    const at = (step: number): number => wave[(step + 400) % 400] ?? NaN;
    for (let step = 0; step < 200; step++) {
      expect(at(step)).toBeCloseTo(-at(step + 200), 14);
      // The edge lies between steps -1 and 0.
      expect(at(step)).toBeCloseTo(-at(-1 - step), 14);
    }
    for (let step = 20; step < 180; step++) expect(at(step)).toBeCloseTo(1, 14);
    // Of the Gaussian at the edge all but its middle value cancels, 1 / (5 sqrt(2 pi)); four steps on, its middle nine are
    // left, erf(4.5 / (5 sqrt 2)). It is cut off at 4 sigma, which is worth 6e-5 of it, and a sum
    // differs from the integral by 8e-4.
    expect(at(0)).toBeCloseTo(0.079788, 4);
    expect(Math.abs(at(4) - 0.63188)).toBeLessThan(1e-3);
    for (let step = -20; step < 20; step++) expect(at(step)).toBeGreaterThanOrEqual(at(step - 1));
  });

  test("the three tones", () => {
    expect(threeTones(0)).toBe(0);
    expect(threeTones(2)).toBeCloseTo(Math.sin(0.98) + Math.sin(2.14) + Math.sin(3.96), 14);
    const input = createInput(lagnet, 5);
    expect(input(199, 2)).toEqual(Float32Array.of(threeTones(1.99), threeTones(2)));
  });

  test("LagLine's rows are the same wave, shifted by less than half a period", () => {
    const input = createInput(lagline, 1);
    const all = input(0, 800);
    expect(all).toHaveLength(800 * 20);
    const wave = Float32Array.from(smoothedSquareWave());
    const shifts = Array.from({ length: 20 }, (_, lane) => {
      const row = Array.from({ length: 800 }, (_, step) => all[step * 20 + lane] ?? NaN);
      const fits = (shift: number): boolean => row.every((value, step) => value === wave[(step - shift + 400) % 400]);
      const found = Array.from({ length: 200 }, (_, shift) => shift).filter(fits);
      expect(found).toHaveLength(1);
      return found[0] ?? NaN;
    });
    // 20 of 200 places: the chance of less than 10 different ones is nil.
    expect(new Set(shifts).size).toBeGreaterThan(10);
    expect(input(123, 50)).toEqual(all.slice(123 * 20, 173 * 20));
    expect(createInput(lagline, 2)(0, 400)).not.toEqual(input(0, 400));
  });
});

describe("starts", () => {
  test("LagLine draws from [0, 1), with time constants that a student may have", () => {
    const starts = Array.from({ length: 200 }, (_, seed) => startOf(lagline, seed));
    for (const [w0 = NaN, w1 = NaN, tau0 = NaN, tau1 = NaN] of starts) {
      for (const value of [w0, w1, tau0, tau1]) expect(value).toBeLessThan(1);
      for (const weight of [w0, w1]) expect(weight).toBeGreaterThanOrEqual(0);
      for (const tau of [tau0, tau1]) expect(tau).toBeGreaterThanOrEqual(0.1);
    }
    // Means of 200 uniform numbers, five standard errors; those of time constants are 0.505.
    for (let i = 0; i < 4; i++) {
      const mean = starts.reduce((sum, start) => sum + (start[i] ?? NaN), 0) / starts.length;
      expect(Math.abs(mean - 0.5)).toBeLessThan(0.11);
    }
    expect(starts.filter(([, , tau0]) => tau0 === 0.1).length).toBeGreaterThan(5);
    expect(startOf(lagline, 7)).toEqual(starts[7]);
  });

  test("LagNet has the published start, and others between -1 and 1", () => {
    expect(startOf(lagnet, 0)).toEqual([-0.07, 1]);
    const values = Array.from({ length: 50 }, (_, seed) => startOf(lagnet, seed + 1)).flat();
    expect(Math.min(...values)).toBeLessThan(-0.8);
    expect(Math.max(...values)).toBeGreaterThan(0.8);
    expect(values.every((value) => Math.abs(value) <= 1)).toBe(true);
  });

  test("a bad seed or name is refused", () => {
    expect(() => startOf(lagline, -1)).toThrow(SpecError);
    expect(() => createInput(lagline, 0.5)).toThrow(SpecError);
    expect(() => experimentNamed("lagged")).toThrow('experiment is "lagged"; there are: lagline, lagnet.');
  });
});

describe("networks", () => {
  test.each(EXPERIMENTS)("%s resolves for every way to learn, and what learns is what the experiment says", (name) => {
    const experiment = experimentNamed(name);
    for (const way of ways) {
      const student = resolveNetwork(studentOf(experiment, way, startOf(experiment, 3)));
      const learnt = [
        ...student.projections.filter(({ plastic }) => plastic).map(({ name }) => name),
        ...student.populations.filter(({ plasticTauM }) => plasticTauM).map((population) => population.name),
        ...student.populations.filter(({ plasticTauR }) => plasticTauR),
        ...student.populations.filter(({ bias }) => bias.plastic),
      ];
      const expected = experiment.parameters.map((parameter) => {
        return "tauM" in parameter ? parameter.tauM : `${parameter.weight.from} -> ${parameter.weight.to}`;
      });
      expect(learnt).toEqual([...new Set(expected)]);
      expect(student.schedule).toBe(way.schedule);
      // The adjoint is the gradient of the cost of an output and its own target.
      expect(student.targetDelay).toBe(way.rule === "adjoint" && way.schedule === "jacobi" ? 1 : 0);
      const gammas = student.populations.map(({ gamma }) => gamma);
      if (way.rule === "adjoint") expect(new Set(gammas)).toEqual(new Set([0]));
      else expect(gammas).toEqual(name === "lagline" ? [1, 1] : [1e-3, 1e-3, 0]);

      const teacher = resolveNetwork(teacherOf(experiment, way));
      expect(teacher.schedule).toBe(way.schedule);
      expect(teacher.populations.every(({ cost, gamma }) => cost === null && gamma === 0)).toBe(true);
    }
  });

  test("the teacher of LagLine and its student differ in what is learnt alone", () => {
    const teacher = resolveNetwork(teacherOf(lagline, { rule: "local", schedule: "sweep" }));
    expect(teacher.populations.map(({ tauM }) => [...tauM])).toEqual([[1], [2]]);
    const student = resolveNetwork(studentOf(lagline, { rule: "local", schedule: "sweep" }, [0.5, 0.6, 0.7, 0.8]));
    expect(student.populations.map(({ tauM }) => [...tauM])).toEqual([[0.7], [0.8]]);
    for (const { populations } of [teacher, student]) {
      expect(populations.map(({ tauR, activation }) => [...tauR, activation])).toEqual([
        [0.1, "softplus"],
        [0.1, "softplus"],
      ]);
    }
    expect(weightsOf(lagline, [1, 2, 1, 2])).toEqual([
      { between: { from: "input", to: "hidden" }, values: [1] },
      { between: { from: "hidden", to: "output" }, values: [2] },
    ]);
  });

  test("LagNet has a fast and a lagging neuron in each hidden layer, and fixed weights above", () => {
    const { populations } = resolveNetwork(teacherOf(lagnet, { rule: "local", schedule: "jacobi" }));
    expect(populations.map(({ tauM, tauR }) => [[...tauM], [...tauR]])).toEqual([
      [
        [1, 1],
        [1, 0.1],
      ],
      [
        [1, 1],
        [1, 0.1],
      ],
      [[1], [1]],
    ]);
    expect(weightsOf(lagnet, [-0.5, 1]).map(({ values }) => values)).toEqual([
      [-0.5, 1],
      [0.5, 0, 0, 1],
      [0.5, 1],
    ]);
  });

  test("learning rates", () => {
    const etaOf = (name: "lagline" | "lagnet", rule: Way["rule"]): [string, number, number] => {
      const { optimizer, window } = resolveLearning(learningOf(experimentNamed(name), { rule, schedule: "jacobi" }));
      return [optimizer.kind, optimizer.eta, window];
    };
    expect(etaOf("lagline", "local")).toEqual(["adam", 1e-4, 1]);
    expect(etaOf("lagline", "instantaneous")).toEqual(["adam", 1e-4, 1]);
    expect(etaOf("lagline", "adjoint")).toEqual(["adam", 4e-2, 400]);
    expect(etaOf("lagnet", "local")).toEqual(["momentum", 2e-4, 1]);
    expect(etaOf("lagnet", "adjoint")).toEqual(["momentum", 7e-4, 300]);
  });
});
