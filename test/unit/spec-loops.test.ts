import { describe, expect, test } from "vitest";
import { SpecError } from "../../src/errors.ts";
import { initialize } from "../../src/random.ts";
import {
  distancesOf,
  layered,
  loopGain,
  resolveNetwork,
  warningsOf,
  type Network,
  type NetworkSpec,
  type PopulationSpec,
  type ProjectionSpec,
} from "../../src/spec.ts";

/** The order of a sweep, distances from the cost, and loops that look ahead. */

const neurons = { size: 2, tauM: 1, tauR: 1, activation: "tanh" } as const;
const cost = { kind: "squared-error" } as const;

describe("levels", () => {
  test("of a stack with skips are one above the highest that projects to it", () => {
    // d skips a level, c gets from b and from the source alone, e is fed by the source only.
    const network = graph("sweep", ["a", "b", "c", "d", "e"], ["x>a", "a>b", "b>c", "x>c", "a>d", "c>d", "x>e"]);
    expect(levels(network)).toEqual({ a: 0, b: 1, c: 2, d: 3, e: 0 });
  });

  test("do not depend on the order in which populations and projections are written", () => {
    const network = graph("sweep", ["e", "d", "c", "b", "a"], ["c>d", "a>d", "b>c", "a>b", "x>c", "x>a", "x>e"]);
    expect(levels(network)).toEqual({ a: 0, b: 1, c: 2, d: 3, e: 0 });
  });

  test("ignore recurrent projections, which may close circles", () => {
    const network = graph("sweep", ["a", "b", "c"], ["x>a", "a>b", "b>c", "c>a*", "b>b", "c>b*"]);
    expect(levels(network)).toEqual({ a: 0, b: 1, c: 2 });
    expect(network.projections.map(({ delay }) => delay)).toEqual([0, 0, 0, 1, 1, 1]);
  });

  test("of a chain as long as the number of populations are found", () => {
    const names = Array.from({ length: 40 }, (_, index) => `p${index}`);
    const links = names.slice(1).map((name, index) => `p${index}>${name}`);
    const network = graph("sweep", names, ["x>p0", ...links.toReversed()]);
    expect(network.populations.map(({ level }) => level)).toEqual(names.map((_, index) => index));
  });

  test.each<[string, string[], string[], string]>([
    ["a circle of two", ["a", "b"], ["x>a", "a>b", "b>a"], "b -> a -> b"],
    [
      "a circle of three behind a stack and before another one",
      ["s", "a", "b", "c", "t"],
      ["x>s", "s>a", "a>b", "b>c", "c>a", "c>t"],
      "b -> c -> a -> b",
    ],
    [
      "a circle beside a recurrent one, which is none",
      ["a", "b", "c"],
      ["x>a", "a>b", "b>a*", "b>c", "c>b"],
      "c -> b -> c",
    ],
  ])("refuses %s and names it", (_, names, links, circle) => {
    expect(failure(() => graph("sweep", names, links))).toBe(
      `schedule is "sweep", but ${circle} is a circle, in which no population can be first. ` +
        'Set recurrent: true on one of these projections, or use "jacobi".',
    );
    expect(graph("jacobi", names, links).populations.map(({ level }) => level)).toEqual(names.map(() => 0));
  });
});

describe("distances from the cost", () => {
  test("of a stack count its projections", () => {
    const layer = { ...neurons, size: 3 };
    const network = resolveNetwork(layered({ dt: 1, input: 2, hidden: [layer, layer, layer], output: neurons, cost }));
    expect(distancesOf(network)).toEqual([3, 2, 1, 0]);
  });

  test("are well defined where several ways have one length", () => {
    const network = graph("jacobi", ["a", "b", "c", "o!"], ["x>a", "a>b", "a>c", "b>o", "c>o", "x>b"]);
    expect(distancesOf(network)).toEqual([2, 1, 1, 0]);
  });

  test.each<[string, "jacobi" | "sweep", string[], string[], string]>([
    ["a sweep", "sweep", ["a", "o!"], ["x>a", "a>o"], 'but in a "sweep" nothing lags. Leave it out, or use "jacobi".'],
    [
      "a skip",
      "jacobi",
      ["a", "b", "o!"],
      ["x>a", "a>b", "b>o", "a>o"],
      'but errors come to "a" on ways of different length (a -> b is one). Use it on a stack of layers.',
    ],
    [
      "a loop",
      "jacobi",
      ["a", "o!"],
      ["x>a", "a>a", "a>o"],
      'but errors come to "a" on ways of different length (a -> a is one). Use it on a stack of layers.',
    ],
    [
      "a cost in the middle",
      "jacobi",
      ["a!", "o!"],
      ["x>a", "a>o"],
      'but errors come to "a" on ways of different length (a -> o is one). Use it on a stack of layers.',
    ],
    [
      "no cost at all",
      "jacobi",
      ["a", "o"],
      ["x>a", "a>o"],
      'but no error comes to "a". Use it on a stack of layers with a cost at its end.',
    ],
    [
      "a dead end",
      "jacobi",
      ["a!", "b"],
      ["x>a", "x>b"],
      'but no error comes to "b". Use it on a stack of layers with a cost at its end.',
    ],
  ])("are refused for %s", (_, schedule, names, links, problem) => {
    expect(failure(() => distancesOf(graph(schedule, names, links)))).toBe(`learning.lagAligned is true, ${problem}`);
  });
});

describe("gain of loops that look ahead", () => {
  const random = (scale: number, size = 200, tauR: number | readonly number[] = 1): Network =>
    resolveNetwork({
      dt: 0.01,
      sources: [{ name: "x", size: 1 }],
      populations: [{ ...neurons, name: "p", size, tauM: 1, tauR }],
      projections: [
        { from: "x", to: "p" },
        { from: "p", to: "p", init: { kind: "uniform", scale } },
      ],
    });

  test("is 0 without loops, in both schedules", () => {
    const init = { kind: "uniform", scale: 100 } as const;
    for (const schedule of ["jacobi", "sweep"] as const) {
      const network = graph(schedule, ["a", "b", "c"], ["x>a", "a>b", "b>c", "a>c"], { init });
      expect(loopGain(network)).toBe(0);
      expect(warningsOf(network)).toEqual([]);
    }
  });

  test("of uniform weights is scale tauR / tauM / sqrt(3), and warned of above 1", () => {
    // The variance of a uniform number is a third of its squared bound, scale / sqrt(size).
    expect(loopGain(random(3))).toBeCloseTo(Math.sqrt(3), 12);
    expect(warningsOf(random(3))).toEqual([
      "Loops that look ahead have a gain of about 1.73 with the weights that the network starts with; above 1 they grow " +
        "with every step, whatever dt is. Lower tauR / tauM of the populations in a loop, or their weights.",
    ]);
    expect(loopGain(random(3, 200, 0.05))).toBeCloseTo(0.05 * Math.sqrt(3), 12);
    expect(warningsOf(random(3, 200, 0.05))).toEqual([]);
    expect(warningsOf(random(1))).toEqual([]);
  });

  test.each<[string, Network, number]>([
    ["equal neurons", random(3), 3],
    ["half of the neurons slow", random(3, 200, [0.1, 1]), 3],
  ])("is near the spectral radius of drawn weights: %s", (_, network, seed) => {
    const radius = drawnRadius(network, seed);
    // The largest of n eigenvalues scatters around the edge of the circle that they fill by about 1 / sqrt(n), 7 %.
    expect(Math.abs(radius / loopGain(network) - 1)).toBeLessThan(0.1);
  });

  test("is near the spectral radius of drawn weights: two populations with different slopes and sizes", () => {
    const populations: PopulationSpec[] = [
      { ...neurons, name: "a", size: 150, activation: "sigmoid", tauM: 2 },
      { ...neurons, name: "b", size: 100, tauM: [1, 4] },
    ];
    const links = ["a>a", "b>a", "a>b", "b>b"];
    const network = resolveNetwork({
      dt: 0.01,
      sources: [],
      populations,
      projections: links.map((link, index) => ({ ...ends(link), init: { kind: "uniform", scale: 1 + index } })),
    });
    // As above; n is 250.
    expect(Math.abs(drawnRadius(network, 5) / loopGain(network) - 1)).toBeLessThan(0.1);
  });

  test("of equal weights is their eigenvalue, negative or not", () => {
    for (const value of [0.3, -0.3]) {
      const network = graph("jacobi", ["p"], ["x>p", "p>p"], { init: { kind: "constant", value } }, { size: 5 });
      // All entries v: the one eigenvalue that is not 0 is 5 v.
      expect(loopGain(network)).toBeCloseTo(1.5, 12);
    }
  });

  test("around two populations is the geometric mean of both ways", () => {
    const populations: PopulationSpec[] = [
      { ...neurons, name: "a", size: 3, tauR: 0.5 },
      { ...neurons, name: "b", size: 4, activation: "sigmoid" },
    ];
    const network = resolveNetwork({
      dt: 0.01,
      sources: [],
      populations,
      projections: [
        { from: "a", to: "b", init: { kind: "constant", value: 2 } },
        { from: "b", to: "a", init: { kind: "constant", value: 5 } },
      ],
    });
    // a -> b multiplies the sum of a by 4 * 2, b -> a that of b by 3 * 5, half of it looks ahead, a quarter of slope.
    expect(loopGain(network)).toBeCloseTo(Math.sqrt(4 * 2 * ((3 * 5) / 2 / 4)), 12);
  });

  test("of loops of three, whose growth swings from step to step, is their geometric mean", () => {
    const weights = [50, 1, 0.1];
    const network = resolveNetwork({
      dt: 0.01,
      sources: [],
      populations: ["a", "b", "c"].map((name) => ({ ...neurons, name, size: 1 })),
      projections: ["a>b", "b>c", "c>a"].map((link, index) => ({
        ...ends(link),
        init: { kind: "constant", value: weights[index] ?? NaN },
      })),
    });
    // 100 rounds are 33 times round the loop and one step more, which counts for log(50) / 100.
    expect(Math.abs(loopGain(network) / Math.cbrt(50 * 1 * 0.1) - 1)).toBeLessThan(0.04);
  });
});

/** `"a>b"` is a projection, `"a>b*"` a recurrent one, from the source x if a is "x"; "o!" is a population with a cost. */
function graph(
  schedule: "jacobi" | "sweep",
  names: readonly string[],
  links: readonly string[],
  projection: Partial<ProjectionSpec> = {},
  population: Partial<PopulationSpec> = {},
): Network {
  const spec: NetworkSpec = {
    dt: 0.01,
    schedule,
    sources: [{ name: "x", size: 1 }],
    populations: names.map((name) => ({
      ...neurons,
      ...population,
      name: name.replace("!", ""),
      ...(name.endsWith("!") && { cost }),
    })),
    projections: links.map((link) => ({ ...projection, ...ends(link) })),
  };
  return resolveNetwork(spec);
}

function ends(link: string): ProjectionSpec {
  const [from = "", to = ""] = link.replace("*", "").split(">");
  return { from, to, ...(link.endsWith("*") && { recurrent: true }) };
}

function levels({ populations }: Network): Record<string, number> {
  return Object.fromEntries(populations.map(({ name, level }) => [name, level]));
}

/** Spectral radius of diag(tauR / tauM) W diag(max phi') with weights as they are drawn, from the growth of a vector. */
function drawnRadius({ populations, projections }: Network, seed: number): number {
  const first = populations.map((_, index) => populations.slice(0, index).reduce((sum, { size }) => sum + size, 0));
  const size = populations.reduce((sum, each) => sum + each.size, 0);
  const matrix = new Float64Array(size ** 2);
  for (const [position, { from, fromSource, to, pre, post, init }] of projections.entries()) {
    if (fromSource) continue;
    const { tauM = [], tauR = [] } = populations[to] ?? {};
    const steepest = populations[from]?.activation === "sigmoid" ? 0.25 : 1;
    for (const [k, w] of initialize(init, seed, position, pre * post).entries()) {
      const i = Math.floor(k / pre);
      const place = ((first[to] ?? NaN) + i) * size + (first[from] ?? NaN) + (k % pre);
      matrix[place] = ((tauR[i] ?? NaN) / (tauM[i] ?? NaN)) * w * steepest;
    }
  }
  let vector = Float64Array.from({ length: size }, (_, i) => 1 + (i % 7));
  let logarithm = 0;
  for (let round = 0; round < 240; round++) {
    const next = new Float64Array(size);
    for (let k = 0; k < matrix.length; k++) {
      const row = Math.floor(k / size);
      next[row] = (next[row] ?? NaN) + (matrix[k] ?? NaN) * (vector[k % size] ?? NaN);
    }
    const length = Math.hypot(...next);
    if (round >= 80) logarithm += Math.log(length);
    vector = next.map((value) => value / length);
  }
  return Math.exp(logarithm / 160);
}

function failure(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SpecError) return error.message;
    throw error;
  }
  return "nothing was refused";
}
