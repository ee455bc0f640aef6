import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DataError } from "../../src/errors.ts";
import { parseRecording } from "../../src/tasks/recording.ts";

const text = readFileSync(new URL("../fixtures/golden/chain-softplus.json", import.meta.url), "utf8");
const classes = readFileSync(new URL("../fixtures/golden/mlp-tanh-ce.json", import.meta.url), "utf8");

test("a recording is a network and its arrays", () => {
  const recording = parseRecording(text, "chain.json");
  expect(recording.network).toEqual({
    dt: 0.01,
    sources: [{ name: "input", size: 1 }],
    populations: [
      { name: "hidden", size: 1, tauM: [1], tauR: [0.1], activation: "softplus", gamma: 1 },
      {
        name: "output",
        size: 1,
        tauM: [2],
        tauR: [0.1],
        activation: "softplus",
        gamma: 1,
        cost: { kind: "squared-error", beta: 0.01 },
      },
    ],
    projections: [
      { from: "input", to: "hidden", plastic: true },
      { from: "hidden", to: "output", plastic: true },
    ],
  });
  expect(recording).toMatchObject({ name: "chain.json", errors: "local", batch: 3, steps: 400 });
  expect(recording.input.length).toBe(400 * 3);
  expect(recording.target.length).toBe(400 * 3);
  expect(recording.weights[0]?.[0]).toBe(Math.fround(0.36065590381622314));
  expect(recording.frozen.snapshots.map(({ step }) => step)).toEqual([0, 1, 2, 79, 159, 239, 319, 399]);
  expect(recording.exact.value).toBe(76.06967163085938);
  expect(recording.sgd).toMatchObject({ eta: 0.05, lossEvery: 20 });
  expect(recording.adam.loss.length).toBe(20);
});

test("classes are repeated for every step", () => {
  const recording = parseRecording(classes, "classes.json");
  expect(recording.network.populations.at(-1)?.cost).toEqual({ kind: "cross-entropy", beta: 1 });
  expect(recording.target.length).toBe(240 * 5);
  expect([...recording.target.subarray(5, 10)]).toEqual([2, 1, 0, 2, 0]);
});

test.each<[string, string, unknown, string]>([
  ["missing field", "spec.dt", undefined, "chain.json: spec.dt is missing; it must be a finite number."],
  ["text for a number", "spec.dt", "0.01", 'chain.json: spec.dt is "0.01", but must be a finite number.'],
  ["broken steps", "spec.steps", 1.5, "chain.json: spec.steps is 1.5, but must be an integer from 1 to 4294967296."],
  [
    "one size",
    "spec.sizes",
    [1],
    "chain.json: spec.sizes is an array of length 1, but must be an array of at least 2 sizes, the source's first.",
  ],
  ["unknown loss", "spec.loss", "nll", 'chain.json: spec.loss is "nll", but must be one of "mse", "ce".'],
  [
    "unknown activation",
    "spec.layers.1.activation",
    "toString",
    'chain.json: spec.layers[1].activation is "toString", but must be one of ' +
      '"linear", "tanh", "sigmoid", "hard-sigmoid", "relu", "softplus".',
  ],
  [
    "tau below dt",
    "spec.layers.0.tau_r.0",
    0.001,
    "chain.json: spec describes a network that is not valid: " +
      "populations[0].tauR[0] is 0.001, below dt (0.01). Raise tauR or lower dt.",
  ],
  [
    "missing step",
    "spec.steps",
    401,
    "chain.json: input is an array of length 400, but must be an array of length 401.",
  ],
  [
    "ragged rows",
    "input.7.2",
    [1, 2],
    "chain.json: input[7][2] is an array of length 2, but must be an array of length 1.",
  ],
  ["hole", "weights.1.0.0", null, "chain.json: weights[1][0][0] is null, but must be a finite number."],
  ["no layers", "biases", {}, "chain.json: biases is an object, but must be an array."],
  [
    "snapshot of no step",
    "frozen.snapshots.400",
    [],
    'chain.json: frozen.snapshots has the key "400", but a snapshot is named by a step below 400.',
  ],
  ["no run", "online_adam.final", 0, "chain.json: online_adam.final is 0, but must be an array."],
])("refuses: %s", (_, path, value, message) => {
  const recording: unknown = JSON.parse(text);
  put(recording, path.split("."), value);
  expect(() => parseRecording(JSON.stringify(recording), "chain.json")).toThrow(
    expect.objectContaining({ name: "DataError", message }),
  );
});

test("refuses a class that has no output", () => {
  const recording: unknown = JSON.parse(classes);
  put(recording, ["target", "1"], 3);
  const message = "c.json: target[1] is 3, but must be an integer from 0 to 2.";
  expect(() => parseRecording(JSON.stringify(recording), "c.json")).toThrow(message);
});

test("refuses what is no JSON or no object", () => {
  expect(() => parseRecording("{", "a.json")).toThrow(/^a\.json: is not JSON \(.+\)\.$/);
  expect(() => parseRecording("[]", "a.json")).toThrow("a.json: is an array of length 0, but must be an object.");
  expect(() => parseRecording('{"__proto__": 1}', "a.json")).toThrow("a.json: spec is missing; it must be an object.");
});

test("a file with one value replaced is a recording or a DataError", () => {
  const places = fc.array(fc.nat(), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(places, fc.jsonValue({ maxDepth: 2 }), (walk, value) => {
      const recording: unknown = JSON.parse(text);
      put(recording, walk, value);
      try {
        parseRecording(JSON.stringify(recording), "x");
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
      }
    }),
    { numRuns: 150 },
  );
});

/** Replaces the value at the end of a walk by key, or by position among the keys. */
function put(target: unknown, [step, ...rest]: readonly (string | number)[], value: unknown): void {
  if (step === undefined || typeof target !== "object" || target === null) return;
  const fields = target as Record<string, unknown>;
  const keys = Object.keys(fields);
  const key = typeof step === "string" ? step : keys[step % keys.length];
  if (key === undefined) return;
  if (rest.length === 0) fields[key] = value;
  else put(fields[key], rest, value);
}
