/** ONNX Runtime Web: the step as a graph, weights and states on the device, commands captured where that works. */

import type { Contestant, Engine } from "./engine.ts";
import { encodeModel, type Graph, type Node } from "./onnx.ts";
import { load } from "./peers.ts";
import { BETA, TAU_M, TAU_R, type Problem } from "./problem.ts";

/** Opaque here. */
interface OrtTensor {
  readonly location: string;
}

interface Session {
  run(feeds: Tensors, fetches: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

interface Ort {
  readonly env: { wasm: { numThreads: number }; logLevel: string; readonly webgpu: { device: Promise<GPUDevice> } };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly Tensor: {
    fromGpuBuffer(buffer: GPUBuffer, options: { dataType: "float32"; dims: readonly number[] }): OrtTensor;
  };
}

type Tensors = Record<string, OrtTensor>;

async function loadOrt(): Promise<Ort> {
  const ort = (await load("onnxruntime-web/webgpu")) as Ort;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return ort;
}

/** Two ways: commands as they come, and captured once and replayed. */
export function ortPeers(version: string): Contestant[] {
  return [false, true].map((capture) => ({
    name: `ORT-web ${version}${capture ? " captured" : ""}`,
    family: "ort",
    work: "step",
    open: async (problem) => openStep(await loadOrt(), problem, capture),
  }));
}

type Places = Readonly<Record<"W" | "u" | "v" | "e" | "r", Place>>;

interface Place {
  readonly buffer: GPUBuffer;
  readonly tensor: OrtTensor;
}

/**
 * A captured graph reads and writes the buffers that it was captured with. So there are two sets of them, and two
 * sessions, one from the first set to the second, one back.
 */
async function openStep(ort: Ort, problem: Problem, capture: boolean): Promise<Engine> {
  const { size } = problem;
  const sessions = await openSessions(ort, problem, capture);
  const device = await ort.env.webgpu.device;
  const column = (data: Float32Array = new Float32Array(size)): Place => place(ort, device, [size, 1], data);
  const makeSide = (): Places => ({
    W: place(ort, device, [size, size], problem.weight),
    u: column(),
    v: column(),
    e: column(),
    r: column(),
  });
  const given = { b: column(problem.bias), y: column(problem.target) };
  let [from, to] = [makeSide(), makeSide()];
  return {
    run: async (steps) => {
      for (let done = 0; done < steps; done++) {
        const session = sessions.shift() as Session;
        sessions.push(session);
        await session.run(tensorsOf({ ...from, ...given }), tensorsOf(to, "2"));
        [from, to] = [to, from];
      }
    },
    settle: () => device.queue.onSubmittedWorkDone(),
    read: async () => ({
      rate: await readBuffer(device, from.r.buffer),
      weight: await readBuffer(device, from.W.buffer),
    }),
    close: async () => {
      for (const session of sessions) await session.release();
      for (const places of [from, to, given]) for (const { buffer } of Object.values(places)) buffer.destroy();
    },
  };
}

async function openSessions(ort: Ort, problem: Problem, capture: boolean): Promise<Session[]> {
  const model = encodeModel(graphOf(problem));
  const options = {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
    enableGraphCapture: capture,
  };
  const first = await ort.InferenceSession.create(model, options);
  return capture ? [first, await ort.InferenceSession.create(model, options)] : [first];
}

function place(ort: Ort, device: GPUDevice, dims: readonly number[], data: Float32Array): Place {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: data.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  return { buffer, tensor: ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims }) };
}

/** By the names of the graph. */
function tensorsOf(places: Readonly<Record<string, Place>>, ending = ""): Tensors {
  return Object.fromEntries(Object.entries(places).map(([name, { tensor }]) => [`${name}${ending}`, tensor]));
}

async function readBuffer(device: GPUDevice, buffer: GPUBuffer): Promise<Float32Array> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: buffer.size, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const data = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return data;
}

/** W, u, v, e, r, b and y, columns but for W, to W2, u2, v2, e2 and r2. */
export function graphOf({ size, eta }: Pick<Problem, "size" | "eta">): Graph {
  const node = (output: string, type: string, ...inputs: string[]): Node => ({ type, inputs, output });
  const column = (name: string): Graph["inputs"][number] => ({ name, shape: [size, 1] });
  const matrix = (name: string): Graph["inputs"][number] => ({ name, shape: [size, size] });
  return {
    nodes: [
      node("product", "MatMul", "W", "r"),
      node("current", "Add", "product", "b"),
      node("eRow", "Transpose", "e"),
      node("feedbackRow", "MatMul", "eRow", "W"),
      node("feedback", "Transpose", "feedbackRow"),
      node("rRow", "Transpose", "r"),
      node("etaE", "Mul", "e", "eta"),
      node("increment", "Mul", "etaE", "rRow"),
      node("W2", "Add", "W", "increment"),
      node("leak", "Sub", "current", "u"),
      node("du", "Mul", "leak", "perTauM"),
      node("u2", "Add", "u", "du"),
      node("ahead", "Mul", "du", "tauR"),
      node("prospective", "Add", "u", "ahead"),
      node("r2", "Tanh", "prospective"),
      node("square", "Mul", "r2", "r2"),
      node("slope", "Sub", "one", "square"),
      node("difference", "Sub", "y", "r2"),
      node("pull", "Mul", "difference", "beta"),
      node("topDown", "Add", "feedback", "pull"),
      node("alpha", "Mul", "topDown", "slope"),
      node("excess", "Sub", "alpha", "v"),
      node("dv", "Mul", "excess", "perTauR"),
      node("v2", "Add", "v", "dv"),
      node("eAhead", "Mul", "dv", "tauM"),
      node("e2", "Add", "v", "eAhead"),
    ],
    inputs: [matrix("W"), ...["u", "v", "e", "r", "b", "y"].map(column)],
    outputs: [matrix("W2"), ...["u2", "v2", "e2", "r2"].map(column)],
    scalars: { eta, one: 1, beta: BETA, tauM: TAU_M, tauR: TAU_R, perTauM: 1 / TAU_M, perTauR: 1 / TAU_R },
  };
}
