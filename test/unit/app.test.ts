import { describe, expect, test } from "vitest";
import { lastDigits, watched } from "../../src/app/glimpse.ts";
import { stream, trainings } from "../../src/app/choices.ts";
import { createKeptKernels, inTurn } from "../../src/app/kernels.ts";
import { addressWith, readEpochsLink, readKernelsLink, readPreset, readStreamLink } from "../../src/app/link.ts";
import { explain } from "../../src/app/problem.ts";
import { DeviceError, DivergedError } from "../../src/errors.ts";
import { tunings } from "../../src/layout.ts";
import { DIGIT_PIXELS } from "../../src/tasks/digits.ts";
import type { CreateSimulator, Trainable } from "../../src/train/train.ts";

const choice = { name: "4 quads of columns", gain: 1.2, tuning: tunings.gpu };

describe("link", () => {
  const read = (search: string) => readStreamLink(search, 20, [8, 0]);

  test("says seed, steps and crossfade", () => {
    expect(read("?seed=7&steps=800&crossfade=0")).toEqual({ seed: 7, steps: 800, crossfade: 0, problems: [] });
    expect(read("?crossfade=8").crossfade).toBe(8);
    expect(read("")).toEqual({ seed: 1, steps: null, crossfade: 8, problems: [] });
    expect(read("?utm=1&__proto__=2")).toEqual({ seed: 1, steps: null, crossfade: 8, problems: [] });
  });

  test.each([
    "seed=",
    "seed=-1",
    "seed=1.5",
    "seed=1e3",
    "seed=99999999999999999",
    "seed=9007199254740992",
    "seed=<b>",
    "steps=0",
    "steps=33",
    "steps=6000020",
    "steps=Infinity",
    "crossfade=3",
    "crossfade=",
  ])("%s is said to be wrong, and the default stands in", (search) => {
    const { problems, ...rest } = read(search);
    expect(rest).toEqual({ seed: 1, steps: null, crossfade: 8 });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(search);
  });

  test("a long value is cut", () => {
    expect(read(`seed=${"9".repeat(10_000)}`).problems[0]?.length).toBeLessThan(120);
  });
});

describe("link to a training over epochs", () => {
  test("says preset, seed and epochs", () => {
    const names = ["previous-digit", "yin-yang"] as const;
    expect(readPreset("?preset=yin-yang&seed=7", names)).toEqual({ preset: "yin-yang", problems: [] });
    expect(readPreset("", names)).toEqual({ preset: "previous-digit", problems: [] });
    expect(readEpochsLink("?preset=yin-yang&seed=7&epochs=3")).toEqual({ seed: 7, epochs: 3, problems: [] });
    expect(readEpochsLink("")).toEqual({ seed: 1, epochs: null, problems: [] });
  });

  test("a preset that there is not is told about, with those that there are", () => {
    const { preset, problems } = readPreset("?preset=Yin", ["previous-digit", "yin-yang"]);
    expect(preset).toBe("previous-digit");
    expect(problems).toEqual([
      "The link says preset=Yin, which is not one of previous-digit, yin-yang; the default is used.",
    ]);
  });

  test.each(["epochs=0", "epochs=1001", "epochs=1.5", "epochs=", "seed=-1"])("%s is said to be wrong", (search) => {
    const { problems, ...rest } = readEpochsLink(search);
    expect(rest).toEqual({ seed: 1, epochs: null });
    expect(problems).toHaveLength(1);
  });

  test("names each preset whose data need no folder, once", () => {
    const names = [stream, ...trainings].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(["previous-digit", "lagnet", "yin-yang", "mnist-1d", "digit-rows"]));
    expect(names).not.toContain("spoken-digits");
    expect(names).not.toContain("speech-commands");
  });
});

describe("kernels", () => {
  const tuned = { ...choice, key: "a", isStored: false, variants: [], untried: [], milliseconds: 1 };

  /** As much of a browser's storage as is used. */
  function storageWith(text: string | null, isFull = false) {
    const kept = { text };
    const storage = {
      getItem: () => kept.text,
      setItem: (_: string, value: string) => {
        if (isFull) throw new Error("QuotaExceededError");
        kept.text = value;
      },
      removeItem: () => {
        kept.text = null;
      },
    } as unknown as Storage;
    return { kept, storage: () => storage };
  }

  test("a link says which", () => {
    expect(readKernelsLink("?seed=7")).toEqual({ kernels: "measured", problems: [] });
    expect(readKernelsLink("?kernels=default&seed=7")).toEqual({ kernels: "default", problems: [] });
    const { kernels, problems } = readKernelsLink("?kernels=fast");
    expect(kernels).toBe("measured");
    expect(problems).toEqual([
      "The link says kernels=fast, which is not measured or anew or default; the default is used.",
    ]);
    const address = "http://localhost/?preset=yin-yang&kernels=anew";
    expect(addressWith("default", address)).toBe("http://localhost/?preset=yin-yang&kernels=default");
    expect(addressWith("measured", address)).toBe("http://localhost/?preset=yin-yang");
  });

  test("what was measured is kept, used again, and forgotten where the link says so", () => {
    const { kept, storage } = storageWith(null);
    const first = createKeptKernels("measured", storage);
    expect(first.request()).toEqual({ kept: {} });
    first.keep(tuned);
    first.keep({ ...tuned, key: "b", isStored: true });
    expect(JSON.parse(kept.text ?? "")).toEqual({ a: choice });
    expect(createKeptKernels("measured", storage).request()).toEqual({ kept: { a: choice } });
    expect(createKeptKernels("default", storage).request()).toBeNull();
    expect(createKeptKernels("anew", storage).request()).toEqual({ kept: {} });
    expect(kept.text).toBeNull();
  });

  test.each(["", "{", "null", "7"])("a storage with %j counts as empty", (text) => {
    expect(createKeptKernels("measured", storageWith(text).storage).request()).toEqual({ kept: {} });
  });

  test("a storage that is full, or not there, keeps as long as the page is there", () => {
    const missing = (): Storage => {
      throw new Error("SecurityError");
    };
    for (const storage of [storageWith(null, true).storage, missing]) {
      const kernels = createKeptKernels("anew", storage);
      kernels.keep(tuned);
      expect(kernels.request()).toEqual({ kept: { a: choice } });
    }
  });

  test("simulators are made one after the other, also after one that fails", async () => {
    const steps: string[] = [];
    const create = inTurn(async (_, { label = "" }) => {
      steps.push(`begin ${label}`);
      await Promise.resolve();
      steps.push(`end ${label}`);
      throw new Error(label);
    });
    const network = trainings[0]?.network as never;
    const made = ["a", "b"].map((label) => create(network, { label }).catch(() => undefined));
    await Promise.all(made);
    expect(steps).toEqual(["begin a", "end a", "begin b", "end b"]);
  });
});

describe("problems", () => {
  const here = { isSecure: true, losses: 0, step: 0 };

  test.each([
    [new DeviceError("WEBGPU_UNAVAILABLE", ""), { ...here, isSecure: false }, /needs https or localhost.*npm run dev/],
    [new DeviceError("WEBGPU_UNAVAILABLE", ""), here, /no WebGPU\. Use Chrome or Edge 113/],
    [new DeviceError("NO_ADAPTER", ""), here, /no usable GPU.*chrome:\/\/gpu.*--enable-unsafe-webgpu/],
    [new DeviceError("NO_ADAPTER", ""), { ...here, losses: 1 }, /no usable GPU/],
    [new DeviceError("NO_ADAPTER", ""), { ...here, losses: 2 }, /crashed repeatedly\. Wait two minutes/],
    [new DeviceError("DEVICE_LOST", ""), { ...here, step: 12_400 }, /reset at step 12,400.*Restart/],
    [new DivergedError(3, "hidden1"), here, /^Step 3: a value of population "hidden1"/],
    [new TypeError("x is undefined"), here, /should not: x is undefined Please report/],
  ])("%s", (error, circumstances, sentence) => {
    expect(explain(error, circumstances)).toMatch(sentence);
  });
});

describe("glimpses of a run", () => {
  // 2 lanes, 3 presentations of 2 steps; lane 0 shows images of 0.1, 0.2, 0.3.
  const lanes = 2;
  const period = 2;
  const classes = [-1, 4, 9];
  const input = new Float32Array(6 * lanes * DIGIT_PIXELS).fill(7);
  const target = new Float32Array(6 * lanes).fill(5);
  const rates = new Float32Array(6 * lanes * 10);
  for (const [p, due] of classes.entries()) {
    for (const step of [2 * p, 2 * p + 1]) {
      input.fill((p + 1) / 10, step * lanes * DIGIT_PIXELS, (step * lanes + 1) * DIGIT_PIXELS);
      target[step * lanes] = due;
      // Lane 1 says 0 throughout.
      rates[(step * lanes + 1) * 10] = 9;
    }
  }
  // In lane 0 class 3 leads in one step of the second presentation, class 4 in their sum.
  rates[2 * lanes * 10 + 3] = 2;
  rates[2 * lanes * 10 + 4] = 1.5;
  rates[3 * lanes * 10 + 4] = 1;
  rates[5 * lanes * 10 + 8] = 0.5;

  test("the last digits of the first lane", () => {
    const [first, second, ...more] = lastDigits(input, target, rates, { lanes, period }, 2);
    expect(more).toEqual([]);
    expect(first).toEqual({ pixels: new Float32Array(DIGIT_PIXELS).fill(0.2), due: 4, answer: 4 });
    expect(second).toEqual({ pixels: new Float32Array(DIGIT_PIXELS).fill(0.3), due: 9, answer: 8 });
  });

  test("fewer where there are fewer", () => {
    expect(lastDigits(input, target, rates, { lanes, period }, 9).map(({ due }) => due)).toEqual(classes);
  });

  test("only runs that learn are watched, and nothing else changes", async () => {
    const metrics = { step: 1, steps: 1, loss: 0, seconds: 1, stepsPerSecond: 1, traces: [] };
    const calls: unknown[][] = [];
    const simulator = {
      device: {},
      adapter: { software: true },
      async *run() {
        yield metrics;
      },
      read: async (...args: unknown[]) => calls.push(["read", ...args]),
      write: (...args: unknown[]) => calls.push(["write", ...args]),
      reset: () => calls.push(["reset"]),
      destroy: () => calls.push(["destroy"]),
    } as unknown as Trainable;
    const create: CreateSimulator = async () => simulator;
    const seen: unknown[] = [];
    const wrapped = await watched(create, (options, found) => seen.push([options.steps, found]))(
      { dt: 1, sources: [], populations: [], projections: [] },
      {},
    );
    expect(wrapped.device).toBe(simulator.device);
    expect(wrapped.adapter).toBe(simulator.adapter);
    for await (const found of wrapped.run({ input, target, steps: 6 })) expect(found).toBe(metrics);
    for await (const found of wrapped.run({ input, steps: 5 })) expect(found).toBe(metrics);
    expect(seen).toEqual([[6, metrics]]);
    await wrapped.read("rate", "output");
    wrapped.write("rate", "output", input);
    wrapped.reset();
    wrapped.destroy();
    expect(calls).toEqual([["read", "rate", "output"], ["write", "rate", "output", input], ["reset"], ["destroy"]]);
  });
});
