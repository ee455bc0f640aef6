/** The runner of the teacher-student experiments on the f64 reference, and what the command shows of it. */

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lineFigure } from "../../src/cli/line-figure.ts";
import { UsageError } from "../../src/cli/options.ts";
import {
  readReproduceOptions,
  readReproduction,
  reproduceHelp,
  REPRODUCTIONS,
} from "../../src/cli/reproduce-options.ts";
import { metricsCsv, reproductionFigure, reproductionLines } from "../../src/cli/reproduce.ts";
import { SpecError } from "../../src/errors.ts";
import { expectationsOf, nameOf, verdictsOf, type Expectation } from "../../src/tasks/expected-figures.ts";
import { experimentNamed, EXPERIMENTS, SCHEDULES, STUDENT_RULES } from "../../src/tasks/teacher-student.ts";
import { blocksOf, reproduce, type ReproduceEvent, type ReproduceRequest } from "../../src/train/reproduce.ts";
import type { CreateSimulator } from "../../src/train/train.ts";
import { createReferenceSimulator } from "./reference-simulator.ts";

const lagline = experimentNamed("lagline");
const lagnet = experimentNamed("lagnet");
const local = { rule: "local", schedule: "jacobi" } as const;
const adjoint = { rule: "adjoint", schedule: "jacobi" } as const;
const adapter = { vendor: "", architecture: "", description: "f64 reference", software: true };
const request: ReproduceRequest = { ...local, experiment: "lagnet", seed: null, steps: 10_000 };

/** The reference with an adapter; `open` counts the simulators that are not destroyed. */
function workplace(): { readonly createSimulator: CreateSimulator; readonly count: { open: number } } {
  const count = { open: 0 };
  const createSimulator: CreateSimulator = async (network, options) => {
    const simulator = await createReferenceSimulator(network, options);
    count.open += 1;
    const destroy = (): void => {
      count.open -= 1;
    };
    return { ...simulator, adapter, destroy };
  };
  return { createSimulator, count };
}

describe("a run", () => {
  test("starts where it should, rests, learns, tells, and leaves nothing behind", async () => {
    const { createSimulator, count } = workplace();
    const events: ReproduceEvent[] = [];
    const report = (event: ReproduceEvent): void => void events.push(event);
    const outcome = await reproduce(request, { createSimulator, report });
    expect(count.open).toBe(0);
    expect(outcome).toMatchObject({ experiment: "lagnet", ...local, seed: 0, steps: 10_000, adapter });

    const steps = [0, 8000, 9200, 10_000];
    expect(outcome.points.map(({ step }) => step)).toEqual(steps);
    expect(events[0]).toEqual({ kind: "adapter", adapter });
    expect(events.slice(1)).toEqual(
      outcome.points.slice(1).map((point) => ({ kind: "progress", point, steps: 10_000 })),
    );
    // As f32, in which they are handed on.
    const start = [Math.fround(-0.07), 1];
    expect(outcome.points.slice(0, 2).map(({ parameters }) => parameters)).toEqual([start, start]);
    expect(outcome.points[3]?.parameters[0]).toBeLessThan(-0.12);

    // A hundred means of a hundred steps, and the same steps by block.
    expect(outcome.errors).toHaveLength(100);
    const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(outcome.points[0]?.error).toBeNull();
    for (const [i, [from, to]] of [
      [0, 80],
      [80, 92],
      [92, 100],
    ].entries()) {
      expect(outcome.points[i + 1]?.error).toBeCloseTo(meanOf(outcome.errors.slice(from, to)), 12);
    }
    // Of all figures only the first is of this time: quoted as 8.9e-3.
    expect(outcome.verdicts).toHaveLength(1);
    expect(outcome.verdicts[0]).toMatchObject({ figure: { kind: "error", from: 0, time: 100 }, verdict: "quoted" });
    expect(outcome.verdicts[0]?.value).toBeCloseTo(8.88e-3, 5);
    expect(outcome.verdicts[0]?.value).toBeCloseTo(meanOf(outcome.errors), 12);
  });

  test("with the adjoint learns in whole windows only", async () => {
    const outcome = await reproduce({ ...request, ...adjoint, steps: 9000 }, workplace());
    expect(outcome.points.map(({ step }) => step)).toEqual([0, 8000, 8900, 9000]);
    const [, rest, learnt, end] = outcome.points.map(({ parameters }) => parameters[0] ?? NaN);
    expect(Math.abs((learnt ?? NaN) - (rest ?? NaN))).toBeGreaterThan(1e-3);
    expect(end).toBe(learnt);
  });

  test("LagLine moves all four parameters, from the start of its seed", async () => {
    const outcome = await reproduce({ ...request, experiment: "lagline", seed: 4, steps: 5400 }, workplace());
    expect(outcome.seed).toBe(4);
    const [first, , last] = outcome.points.map(({ parameters }) => parameters);
    for (const [i, value] of [0.2313, 0.5673, 0.9207, 0.3086].entries()) {
      expect(first?.[i]).toBeCloseTo(value, 4);
      // Adam's steps are about 1e-4; 400 of them in one direction are 0.04. What is handed on as f32 moves by 1e-7.
      const moved = Math.abs((last?.[i] ?? NaN) - (first?.[i] ?? NaN));
      expect(moved).toBeGreaterThan(1e-5);
      expect(moved).toBeLessThan(0.041);
    }
  });

  test("that is stopped or fails leaves nothing behind, too", async () => {
    const stopping = new AbortController();
    const { createSimulator, count } = workplace();
    const stop = (event: ReproduceEvent): void => {
      if (event.kind === "progress") stopping.abort(new Error("stopped"));
    };
    const stopped = reproduce(request, { createSimulator, report: stop, signal: stopping.signal });
    await expect(stopped).rejects.toThrow("stopped");
    expect(count.open).toBe(0);
    const second: CreateSimulator = (network, options) => {
      return count.open === 1 ? Promise.reject(new Error("no room")) : createSimulator(network, options);
    };
    await expect(reproduce(request, { createSimulator: second })).rejects.toThrow("no room");
    expect(count.open).toBe(0);
  });

  test.each<[Partial<Record<keyof ReproduceRequest, unknown>>, RegExp]>([
    [{ experiment: "lag" }, /^experiment is "lag"; there are: lagline, lagnet\.$/],
    [{ rule: "exact" }, /^rule is exact; it can be local, adjoint, instantaneous\.$/],
    [{ schedule: "none" }, /^schedule is none; it can be jacobi, sweep\.$/],
    [{ steps: 150 }, /^steps is 150; expected a multiple of 100 above the warm-up of 8000, such as 8100\.$/],
    [{ steps: 9990 }, /such as 10000\.$/],
    [{ seed: -2 }, /^seed is -2/],
  ])("%j is refused before anything is made", async (change, message) => {
    const { createSimulator, count } = workplace();
    const failed = reproduce({ ...request, ...change } as ReproduceRequest, { createSimulator });
    await expect(failed).rejects.toThrow(SpecError);
    await expect(failed).rejects.toThrow(message);
    expect(count.open).toBe(0);
  });
});

describe("blocks", () => {
  test("end with the warm-up, where figures are taken, and with the run", () => {
    const figures = [{ kind: "error", from: 0, time: 70 }] as const;
    const blocks = blocksOf(lagline, local, 8600, figures);
    expect(blocks.map(({ end }) => end)).toEqual([5000, 6200, 7000, 7400, 8600]);
    expect(blocks.map(({ learn }) => learn)).toEqual([false, true, true, true, true]);
  });

  test("of the adjoint are whole windows, and the rest learns nothing", () => {
    const figures = [{ kind: "distance", time: 600 }] as const;
    const blocks = blocksOf(lagnet, adjoint, 100_000, figures);
    let start = 0;
    for (const { end, learn } of blocks) {
      expect(end).toBeGreaterThan(start);
      expect(learn).toBe(end > 8000 && end <= 99_800);
      if (learn) expect((end - start) % 300).toBe(0);
      start = end;
    }
    expect(blocks.map(({ end }) => end)).toContain(59_900);
    expect(start).toBe(100_000);
  });
});

describe("figures", () => {
  const course = {
    points: [
      { step: 0, parameters: [0, 0] },
      { step: 9900, parameters: [-0.4, 1.05] },
      { step: 10_100, parameters: [-0.45, 1.01] },
    ],
    errors: Array.from({ length: 101 }, (_, bin) => bin),
  };

  test("are read where they stand", () => {
    const expectations: Expectation[] = [
      { figure: { kind: "error", from: 10, time: 20 }, quoted: [14.5, 14.5], measured: null },
      { figure: { kind: "parameter", index: 0, time: 100 }, quoted: [0, 1], measured: [-0.4, -0.4] },
      { figure: { kind: "parameter", index: 1, time: 101 }, quoted: [0, 1], measured: [0, 1] },
      { figure: { kind: "distance", time: 100 }, quoted: null, measured: null },
      { figure: { kind: "distance", time: 102 }, quoted: null, measured: null },
    ];
    const verdicts = verdictsOf(expectations, lagnet, course);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(["quoted", "measured", "outside", "none"]);
    expect(verdicts.map(({ value }) => value)).toEqual([14.5, -0.4, 1.01, Math.abs(-0.4 + 0.5)]);
  });

  test("that are not numbers are outside", () => {
    const lost = { points: [{ step: 10_000, parameters: [NaN, NaN] }], errors: Array<number>(100).fill(NaN) };
    const verdicts = verdictsOf(expectationsOf(lagnet, local, 0), lagnet, lost);
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(["outside"]);
  });

  test("are there for every way to learn, have sound ranges, and names", () => {
    for (const name of EXPERIMENTS) {
      const experiment = experimentNamed(name);
      for (const rule of STUDENT_RULES) {
        for (const schedule of SCHEDULES) {
          const others = expectationsOf(experiment, { rule, schedule }, experiment.seed + 1);
          const expectations = expectationsOf(experiment, { rule, schedule }, experiment.seed).concat(others);
          expect(others.length).toBeGreaterThan(0);
          expect(expectations.length).toBeGreaterThan(others.length);
          for (const { figure, quoted, measured } of expectations) {
            expect(quoted ?? measured).not.toBeNull();
            for (const [least, most] of [quoted, measured].filter((range) => range !== null)) {
              expect(least).toBeLessThan(most);
            }
            expect(figure.time / experiment.dt).toBeLessThanOrEqual(experiment.steps);
            expect(nameOf(experiment, figure)).toMatch(/t = \d/);
          }
        }
      }
    }
  });
});

describe("what is shown", () => {
  test("a table of parameters and figures, a CSV, a figure", async () => {
    const outcome = await reproduce(request, workplace());
    const lines = reproductionLines(lagnet, outcome);
    expect(lines[0]).toMatch(/^parameter +start +end +teacher$/);
    expect(lines[1]).toMatch(/^w fast +-0\.07 +-0\.1\d+ +-0\.5$/);
    expect(lines.join("\n")).toMatch(
      /^squared error, mean over t = 0 to 100 +8\.88e-3 +8\.\d\de-3 to 9\.\d\de-3 +- +inside$/m,
    );
    expect(lines).toContain("All figures are inside.");

    const wrong = { ...outcome, verdicts: outcome.verdicts.map((each) => ({ ...each, verdict: "outside" as const })) };
    expect(reproductionLines(lagnet, wrong).join("\n")).toMatch(/OUTSIDE$[\s\S]*^1 of 1 figures are OUTSIDE\.$/m);
    expect(reproductionLines(lagnet, { ...outcome, verdicts: [] })).toContain("No figure is known of so short a run.");

    const [head, first, ...more] = metricsCsv(lagnet, outcome.points).trimEnd().split("\n");
    expect(head).toBe("step,time,error,w fast,w slow,seconds");
    expect(first).toBe(`0,0,,${Math.fround(-0.07)},1,0`);
    expect(more.map((line) => line.split(",").slice(0, 2).join())).toEqual(["8000,80", "9200,92", "10000,100"]);

    const svg = reproductionFigure(lagnet, outcome);
    expect(svg).toContain("errors: local, schedule: jacobi, seed 0, on f64 reference");
    expect(svg).toContain(">w fast -0.1");
    expect(svg).not.toContain("NaN");
  });
});

describe("the figure", () => {
  const options = {
    title: "A < B",
    subtitle: "seed 1",
    duration: 100,
    warmUp: 20,
    errors: [1, 0.1, 1e-2, 1e-3],
    smoothing: 25,
    times: [0, 100],
    parameters: [
      { label: "w", teacher: 1, values: [0, 1] },
      { label: "tau", teacher: 1, values: [2, 1] },
    ],
  };
  const svg = lineFigure(options);
  const pointsOf = (picture: string): string[] =>
    [...picture.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) => points ?? "");

  test("has the error on a logarithmic axis and the parameters on a linear one", () => {
    // Time: 498 px from x = 58. Decades 1 to 10^-3 over 182 px down from y = 88; 0 to 2 over 192 px up from y = 510.
    expect(pointsOf(svg)).toEqual(["182.5,88 307,148.7 431.5,209.3 556,270", "58,510 556,414", "58,318 556,414"]);
    for (const label of ["1", "10⁻¹", "10⁻²", "10⁻³", "0.5", "1.5", "2"]) expect(svg).toContain(`>${label}</text>`);
    expect(svg).toContain('<rect x="58" y="88" width="99.6" height="182"');
  });

  test("keeps labels apart and in the picture, and says what it shows", () => {
    const heights = [...svg.matchAll(/y="([\d.]+)"[^>]*>(?:w|tau) 1\.000</g)].map(([, y]) => Number(y));
    expect(heights).toHaveLength(2);
    expect(Math.abs((heights[0] ?? NaN) - (heights[1] ?? NaN))).toBeGreaterThanOrEqual(36);
    for (const [, y] of svg.matchAll(/<text [^>]*y="([\d.]+)"/g)) expect(Number(y)).toBeLessThan(560);
    expect(svg).toContain("<title>A &lt; B</title>");
    expect(svg).toContain("At the end: w 1.000 (teacher 1), tau 1.000 (teacher 1).");
  });

  test("smooths over so much time, and stays a picture where the error is 0 or constant", () => {
    const smooth = lineFigure({ ...options, smoothing: 50, errors: [1, 1, 0.01, 0.01] });
    const heights =
      pointsOf(smooth)[0]
        ?.split(" ")
        .map((point) => Number(point.split(",")[1])) ?? [];
    const decade = 182 / 2;
    const expected = [1, 1, 0.505, 0.01].map((error) => 88 - decade * Math.log10(error));
    for (const [i, height] of heights.entries()) expect(height).toBeCloseTo(expected[i] ?? NaN, 0);
    for (const errors of [
      [0, 0],
      [1, 1],
      [0.5, 0],
    ]) {
      const odd = lineFigure({ ...options, errors });
      expect(odd).not.toMatch(/NaN|Infinity|undefined/);
      expect(pointsOf(odd)).toHaveLength(3);
    }
  });
});

describe("flags", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "vle-reproduce-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("have defaults", async () => {
    const options = await readReproduceOptions(["lagline", "--out", folder]);
    expect(options).toMatchObject({
      request: { experiment: "lagline", ...local, seed: null, steps: null },
      host: undefined,
      out: folder,
      json: undefined,
    });
    expect(await readReproduceOptions(["--help"])).toBeNull();
    expect(reproduceHelp()).toContain("lagline 3, lagnet 0");
  });

  test("are read", async () => {
    const flags = ["--rule", "adjoint", "--schedule", "sweep", "--seed", "9", "--host", "chrome"];
    const options = await readReproduceOptions(["LagNet", ...flags, "--out", folder, "--json", join(folder, "x", "y")]);
    expect(options?.request).toEqual({ ...adjoint, experiment: "lagnet", schedule: "sweep", seed: 9, steps: null });
    expect(options).toMatchObject({ host: "chrome", json: join(folder, "x", "y"), experiment: lagnet });
    expect(await readdir(folder)).toEqual(["x"]);
  });

  test.each([
    [[], "Name an experiment: lagline or lagnet."],
    [["lagnte"], 'The experiment is "lagnte"; it can be lagline or lagnet. Did you mean "lagnet"?'],
    [["lagnet", "lagline"], '"lagline" is too much; name one experiment.'],
    [["lagnet", "--rule", "bp"], '--rule is "bp"; it can be local or adjoint or instantaneous.'],
    [["lagnet", "--schedule", "swep"], '--schedule is "swep"; it can be jacobi or sweep. Did you mean "sweep"?'],
    [["lagnet", "--seed", "-1"], '--seed is "-1"; it must be a whole number from 0 to 2^53 - 1.'],
    [["lagnet", "--steps", "5"], "--steps is not a flag. There are --rule, --schedule, --seed"],
  ])("%j is refused", async (args, message) => {
    const read = readReproduceOptions(args);
    await expect(read).rejects.toThrow(UsageError);
    await expect(read).rejects.toThrow(message);
  });

  test("name one experiment, each with flags of its own", () => {
    expect(readReproduction(["--rule", "adjoint", "lagnet"])).toBe("lagnet");
    expect(readReproduction(["--quick", "Le-Fourier", "--seed", "2"])).toBe("le-fourier");
    expect(readReproduction(["--seeds", "2", "previous-digit"])).toBe("previous-digit");
    expect(readReproduction(["--help"])).toBeNull();
    for (const name of ["lagline", "lagnet", "le-fourier", "previous-digit"]) expect(reproduceHelp()).toContain(name);
    const all = REPRODUCTIONS.join(" or ");
    expect(() => readReproduction([])).toThrow(`Name an experiment, ${all}: npm run reproduce -- lagline`);
    expect(() => readReproduction(["le-furier"])).toThrow(`it can be ${all}. Did you mean "le-fourier"?`);
    expect(() => readReproduction(["--fast", "lagline"])).toThrow("--fast is not a flag.");
  });
});
