/** TensorFlow.js on its WebGPU backend. How the products are written decides its speed, so there are several ways. */

import type { Contestant, Engine } from "./engine.ts";
import { load } from "./peers.ts";
import { BETA, TAU_M, TAU_R, type Problem } from "./problem.ts";

interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Operand = Tensor | number;

interface TensorFlow {
  setBackend(name: "webgpu"): Promise<boolean>;
  ready(): Promise<void>;
  tensor2d(data: Float32Array, shape: readonly [number, number]): Tensor;
  zeros(shape: readonly number[]): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  add(a: Operand, b: Operand): Tensor;
  sub(a: Operand, b: Operand): Tensor;
  mul(a: Operand, b: Operand): Tensor;
  div(a: Operand, b: Operand): Tensor;
  sum(x: Tensor, axis: number, keepDims?: boolean): Tensor;
  reshape(x: Tensor, shape: readonly number[]): Tensor;
  square(x: Tensor): Tensor;
  tanh(x: Tensor): Tensor;
  tidy<T>(compute: () => T): T;
  dispose(tensors: readonly Tensor[]): void;
}

async function loadTensorFlow(): Promise<TensorFlow> {
  const tf = (await load("@tensorflow/tfjs-core")) as TensorFlow;
  await load("@tensorflow/tfjs-backend-webgpu");
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js found no WebGPU.");
  await tf.ready();
  return tf;
}

/** W r, W^T e and the increment of W, of columns [neurons, 1]. */
type Products = (
  tf: TensorFlow,
  problem: Problem,
  W: Tensor,
  e: Tensor,
  r: Tensor,
) => readonly [current: Tensor, feedback: Tensor, increment: Tensor];

const formulations: Readonly<Record<string, Products>> = {
  matMul: (tf, { eta }, W, e, r) => [
    tf.matMul(W, r),
    tf.matMul(W, e, true, false),
    tf.mul(tf.matMul(e, r, false, true), eta),
  ],
  broadcast: (tf, { size, eta }, W, e, r) => [
    tf.matMul(W, r),
    tf.matMul(W, e, true, false),
    tf.mul(tf.mul(e, eta), tf.reshape(r, [1, size])),
  ],
  "multiply and sum": (tf, { size, eta }, W, e, r) => {
    const row = tf.reshape(r, [1, size]);
    return [
      tf.sum(tf.mul(W, row), 1, true),
      tf.reshape(tf.sum(tf.mul(W, e), 0), [size, 1]),
      tf.mul(tf.mul(e, eta), row),
    ];
  },
};

export function tensorFlowPeers(version: string): Contestant[] {
  return Object.entries(formulations).map(([name, products]) => ({
    name: `TF.js ${version} ${name}`,
    family: "tfjs",
    work: "step",
    open: async (problem) => openStep(await loadTensorFlow(), problem, products),
  }));
}

function openStep(tf: TensorFlow, problem: Problem, products: Products): Engine {
  const { size } = problem;
  const column = [size, 1] as const;
  const zeros = (): Tensor => tf.zeros(column);
  const bias = tf.tensor2d(problem.bias, column);
  const target = tf.tensor2d(problem.target, column);
  let state: State = [tf.tensor2d(problem.weight, [size, size]), zeros(), zeros(), zeros(), zeros()];
  return {
    run: (steps) => {
      for (let done = 0; done < steps; done++) {
        const before = state;
        state = tf.tidy(() => next(tf, problem, before, products, bias, target));
        tf.dispose(before);
      }
    },
    settle: () => state[4].data(),
    read: async () => ({ rate: await state[4].data(), weight: await state[0].data() }),
    close: () => tf.dispose([...state, bias, target]),
  };
}

/** W, u, v, e, r. */
type State = [Tensor, Tensor, Tensor, Tensor, Tensor];

function next(
  tf: TensorFlow,
  problem: Problem,
  [W, u, v, e, r]: State,
  products: Products,
  b: Tensor,
  y: Tensor,
): State {
  const [current, feedback, increment] = products(tf, problem, W, e, r);
  const du = tf.div(tf.sub(tf.add(current, b), u), TAU_M);
  const rate = tf.tanh(tf.add(u, tf.mul(du, TAU_R)));
  const slope = tf.sub(1, tf.square(rate));
  const alpha = tf.mul(tf.add(feedback, tf.mul(tf.sub(y, rate), BETA)), slope);
  const dv = tf.div(tf.sub(alpha, v), TAU_R);
  return [tf.add(W, increment), tf.add(u, du), tf.add(v, dv), tf.add(v, tf.mul(dv, TAU_M)), rate];
}

/** The product r W^T alone, [batch][neurons] times [neurons][neurons]. */
export function tensorFlowProduct(version: string): Contestant {
  return {
    name: `TF.js ${version} tf.matMul`,
    family: "tfjs",
    work: "product",
    open: async ({ size, batch, target, weight }) => {
      const tf = await loadTensorFlow();
      const left = tf.tensor2d(target, [batch, size]);
      const right = tf.tensor2d(weight, [size, size]);
      let product = tf.matMul(left, right);
      return {
        run: (steps) => {
          for (let done = 0; done < steps; done++) {
            product.dispose();
            product = tf.matMul(left, right);
          }
        },
        settle: () => product.data(),
        read: async () => ({ rate: await product.data(), weight: [] }),
        close: () => tf.dispose([product, left, right]),
      };
    },
  };
}
