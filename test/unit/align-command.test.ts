import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FrequencyResponse } from "../../src/align.ts";
import { holds, measurementLines, responseLines } from "../../src/cli/align-lines.ts";
import { alignHelp, readAlignOptions } from "../../src/cli/align-options.ts";
import { bodeFigure } from "../../src/cli/bode-figure.ts";
import { UsageError } from "../../src/cli/options.ts";
import type { AdapterFacts } from "../../src/device.ts";
import { SpecError } from "../../src/errors.ts";
import { DIGIT_PIXELS, type DigitSet } from "../../src/tasks/digits.ts";
import { alignable, lengthsOf, openMaterial, titleOf } from "../../src/train/align-material.ts";
import { alignPreset, toneChains, type AlignEvent, type AlignReport, type Measurement } from "../../src/train/align.ts";
import type { CreateSimulator } from "../../src/train/train.ts";
import { createReferenceSimulator } from "./reference-simulator.ts";

const adapter: AdapterFacts = { vendor: "none", architecture: "", description: "the reference", software: true };
/** How many simulators are there, and at most were. */
const open = { now: 0, made: 0 };
const createSimulator: CreateSimulator = async (network, options) => {
  const simulator = await createReferenceSimulator(network, options);
  open.now += 1;
  open.made += 1;
  return Object.assign(simulator, { adapter, destroy: () => void (open.now -= 1) });
};
const set: DigitSet = {
  count: 10,
  pixels: new Float32Array(10 * DIGIT_PIXELS).fill(0.5),
  labels: Uint8Array.from({ length: 10 }, (_, i) => i),
};
const digits = () => Promise.resolve({ train: set, test: set });
const lagnet = { preset: "lagnet", seed: 0, steps: 400, trained: 500, schedule: "sweep" } as const;

describe("alignment of a preset", () => {
  const events: AlignEvent[] = [];
  let report: AlignReport;
  beforeAll(async () => {
    const hear = (event: AlignEvent) => void events.push(event);
    report = await alignPreset(lagnet, { createSimulator, digits, report: hear });
  }, 60_000);

  it("measures before and after the training, and all tones", () => {
    expect(report).toMatchObject({ preset: "lagnet", seed: 0, schedule: "sweep", batch: 1 });
    expect(report.adapter).toEqual(adapter);
    expect(report.measurements.map(({ trained, steps }) => [trained, steps])).toEqual([
      [0, 400],
      [500, 400],
    ]);
    expect(report.responses.map(({ chain }) => chain)).toEqual(toneChains);
    expect(report.responses.flatMap(({ tones }) => tones).every(holds)).toBe(true);
    expect(open).toEqual({ now: 0, made: 2 + 2 * 5 + 3 * toneChains.length });
  });

  it("trains in between", () => {
    // 500 steps at the published rate take away 9 % of it.
    const [before, after] = report.measurements.map(({ loss }) => loss);
    expect(after).toBeLessThan(0.95 * (before ?? 0));
  });

  it("finds matched traces all but exact under an output without lag", () => {
    for (const { groups } of report.measurements) {
      const weights = groups.filter(({ name }) => name === "hidden1 -> hidden2");
      // Gradients are read as f32, and the published gamma of 1e-3 lets errors act on the potentials.
      expect(weights[0]?.rules["matched traces (ours)"]?.cosine).toBeGreaterThan(0.999);
    }
  });

  it("says what it does while it goes on", () => {
    const kinds = events.map((event) => (event.kind === "stage" ? event.stage : event.kind));
    expect(kinds).toEqual(["adapter", "measuring", "measured", "training", "measuring", "measured", "tones"]);
  });

  it("crosses from a page to a process unharmed", () => {
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it("cuts many steps into the fewest equal windows", async () => {
    const ask = { ...lagnet, steps: 4098, trained: 0 };
    const { measurements } = await alignPreset(ask, { createSimulator, digits });
    expect(measurements.map(({ trained, steps, window: length }) => [trained, steps, length])).toEqual([
      [0, 4098, 2049],
    ]);
    const [title] = measurementLines(measurements[0] ?? ({} as Measurement));
    expect(title).toMatch(/; exact gradient in windows of 2,049 steps\)$/);
    await expect(alignPreset({ ...ask, steps: 4099 }, { createSimulator, digits })).rejects.toThrow("4080 would do");
  }, 60_000);

  it("refuses what it does not know, and leaves nothing open", async () => {
    const ask = (change: object) => alignPreset({ ...lagnet, ...change }, { createSimulator, digits });
    await expect(ask({ preset: "lagnets" })).rejects.toThrow(SpecError);
    await expect(ask({ preset: "previous-digit", steps: 30 })).rejects.toThrow("such as 40");
    await expect(ask({ steps: 0 })).rejects.toThrow(SpecError);
    const aborted = AbortSignal.abort(new Error("enough"));
    await expect(alignPreset(lagnet, { createSimulator, digits, signal: aborted })).rejects.toThrow("enough");
    expect(open.now).toBe(0);
  });
});

describe("what a preset gives to measure on", () => {
  it.each([...alignable])("has a title, lengths and a stream: %s", async (name) => {
    const { steps, trained, unit } = lengthsOf(name);
    expect(titleOf(name).length).toBeGreaterThan(5);
    for (const length of [steps, trained]) expect(length % unit).toBe(0);
    const material = await openMaterial(name, { seed: 1, schedule: "sweep", createSimulator, digits });
    const { input, target, ...others } = await material.next(2 * unit);
    expect(others).toEqual({});
    expect(material.network.schedule).toBe("sweep");
    const [source] = material.network.sources;
    expect(input).toHaveLength(2 * unit * material.batch * (source?.size ?? 0));
    expect(target).toHaveLength(2 * unit * material.batch);
    material.close();
    expect(open.now).toBe(0);
  });

  it("is the same however it is cut", async () => {
    const options = { seed: 3, createSimulator, digits };
    const [whole, cut] = [await openMaterial("lagline", options), await openMaterial("lagline", options)];
    const { target } = await whole.next(6);
    await cut.next(4);
    expect((await cut.next(2)).target).toEqual(target.slice((4 * target.length) / 6));
  });
});

describe("the flags of npm run align", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "align-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const read = (...args: string[]) => readAlignOptions([...args, "--out", folder]);

  it("have defaults", async () => {
    expect((await read())?.request).toEqual({
      preset: "previous-digit",
      schedule: null,
      steps: null,
      trained: null,
      seed: 1,
    });
  });

  it("name presets, order, lengths and host", async () => {
    const args = ["--preset", "lagline", "--schedule", "sweep", "--steps", "30", "--trained", "0", "--host", "node"];
    const options = await read(...args, "--seed", "7");
    expect(options?.request).toEqual({ preset: "lagline", schedule: "sweep", steps: 30, trained: 0, seed: 7 });
    expect(options?.host).toBe("node");
  });

  it("are refused with a cure", async () => {
    await expect(read("--preset", "lagnt")).rejects.toThrow('Did you mean "lagnet"?');
    await expect(read("--steps", "50")).rejects.toThrow("such as 60");
    await expect(read("--trained", "-1")).rejects.toThrow(UsageError);
    await expect(read("lagnet")).rejects.toThrow("takes flags only");
    expect(await readAlignOptions(["--help"])).toBeNull();
    for (const name of alignable) expect(alignHelp()).toContain(name);
  });
});

const steps = { local: 9, adjoint: 9, instantaneous: 9 };

describe("the lines of an alignment", () => {
  const none = { cosine: null, signs: null, gain: null };
  const lines = measurementLines({
    trained: 4000,
    steps: 600,
    window: 600,
    loss: 2.1234,
    groups: [
      {
        parameters: "weight",
        name: "input -> hidden",
        size: 12544,
        norm: 1,
        rules: { local: { cosine: 0.7412, signs: 0.7251, gain: -1.234 }, instantaneous: none },
      },
    ],
    leftOut: [
      { rule: null, parameters: "tauM", population: "hidden1", reason: "is too low" },
      { rule: null, parameters: "tauM", population: "hidden2", reason: "is too low" },
      { rule: "aligned", parameters: null, population: null, reason: "is not for sweeps" },
    ],
  });

  it("give each rule a line below its group", () => {
    expect(lines).toEqual([
      "After 4,000 steps of training with local errors (loss 2.12)",
      "",
      "                                  cosine  signs   gain",
      "weights input -> hidden (12,544)",
      "  local                            0.741   73 %  -1.23",
      "  instantaneous                        -      -      -",
      "",
      "Not measured:",
      "  tauM of hidden1, tauM of hidden2: is too low",
      "  all (aligned): is not for sweeps",
    ]);
  });

  it("say of each tone whether it is within the limits", () => {
    const point = { gain: 1, phase: 0 };
    const all = { local: point, adjoint: point, instantaneous: point };
    const tone = { frequency: 2, measured: all, expected: all, expectedGainRatio: 4 };
    const chain = [{ tauM: 1, tauR: 0.1 }];
    const tones = [
      { ...tone, phaseDifference: -0.0009, gainRatio: 4.03 },
      { ...tone, phaseDifference: 0.0011, gainRatio: 4 },
      { ...tone, phaseDifference: 0, gainRatio: 3.95 },
    ];
    const ends = responseLines({ dt: 0.01, chain, steps, tones }).slice(3);
    expect(ends.map((line) => line.split(" ").at(-1))).toEqual(["ok", "FAIL", "FAIL"]);
    expect(ends[0]).toContain("0.7500 %");
  });
});

describe("the Bode figure", () => {
  const chain = [{ tauM: 1, tauR: 0.1 }];
  const point = (gain: number, phase: number) => ({ gain, phase });
  const values = { local: point(10, Math.PI / 4), adjoint: point(0.1, Math.PI / 4), instantaneous: point(1, 0) };
  const tones = [0.2, 2, 20].map((frequency) => {
    const ratios = { phaseDifference: 0, gainRatio: 100, expectedGainRatio: 100 };
    return { frequency, measured: values, expected: values, ...ratios };
  });
  const response: FrequencyResponse = { dt: 0.01, chain, steps, tones };
  const svg = bodeFigure({ title: "A & B", subtitle: "on a <machine>", responses: [response, response] });
  /** Places of the marks of a colour, legend left out. */
  const marks = (color: string) =>
    [...svg.matchAll(/<g transform="translate\(([\d.]+) ([\d.]+)\)" fill="([^"]+)"/g)]
      .filter(([, , , fill]) => fill === color)
      .slice(1)
      .map(([, x, y]) => [Number(x), Number(y)] as const);

  it("has a line and a mark for each rule, frequency, panel and column", () => {
    expect(svg.match(/<polyline/g)).toHaveLength(3 * 2 * 2);
    for (const color of ["#0067a5", "#b84a00", "#666666"]) expect(marks(color)).toHaveLength(3 * 2 * 2);
    expect(svg).toContain("A &amp; B");
    for (const label of ["local", "exact adjoint", "instantaneous"]) expect(svg).toContain(`>${label}</text>`);
  });

  it("places marks by the logarithm of the gain and by the phase", () => {
    const heights = ["#0067a5", "#666666", "#b84a00"].map((color) => marks(color).map(([, y]) => y));
    const [local = [], instantaneous = [], adjoint = []] = heights;
    // A tenfold gain is as far above 1 as a tenth is below.
    expect((local[0] ?? 0) + (adjoint[0] ?? 0)).toBeCloseTo(2 * (instantaneous[0] ?? 0), 0);
    expect(local[0]).toBeLessThan(instantaneous[0] ?? 0);
    // Gains come first, then phases: equal ones at the same place, 45 degrees above 0.
    expect(local.slice(3, 6)).toEqual(adjoint.slice(3, 6));
    expect(local[3]).toBeLessThan(instantaneous[3] ?? 0);
    const places = marks("#0067a5").map(([x]) => x);
    // Equal ratios of frequencies are equal distances.
    expect((places[1] ?? 0) - (places[0] ?? 0)).toBeCloseTo((places[2] ?? 0) - (places[1] ?? 0), 0);
  });

  it("stays inside its picture", () => {
    const width = Number(/width="(\d+)"/.exec(svg)?.[1]);
    for (const color of ["#0067a5", "#b84a00", "#666666"]) {
      for (const [x, y] of marks(color)) {
        expect(x).toBeLessThan(width);
        expect(y).toBeLessThan(560);
      }
    }
  });
});
