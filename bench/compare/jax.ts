/** jax-js: the step as one function, compiled by its `jit`. */

import type { Contestant, Engine } from "./engine.ts";
import { load } from "./peers.ts";
import { BETA, TAU_M, TAU_R, type Problem } from "./problem.ts";

/** Of the arrays of jax-js: an operation consumes them, unless `ref` is used. */
interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Step = (...state: JaxArray[]) => JaxArray[];

interface Jax {
  init(device: "webgpu"): Promise<unknown>;
  defaultDevice(device: "webgpu"): unknown;
  jit(step: Step): Step & { dispose(): void };
  blockUntilReady(arrays: readonly JaxArray[]): Promise<unknown>;
  readonly numpy: {
    array(data: Float32Array): JaxArray;
    zeros(shape: readonly number[]): JaxArray;
    matvec(matrix: JaxArray, vector: JaxArray): JaxArray;
    matmul(left: JaxArray, right: JaxArray): JaxArray;
    tanh(x: JaxArray): JaxArray;
  };
}

/**
 * Steps are kept back until somebody waits for them, and the more there are the longer each takes: without flushes it is
 * up to four times slower. This number of steps was the fastest, or as fast as any, on two adapters.
 */
const FLUSHED_STEPS = 8;

/** Sends what is kept back on its way without waiting for it. Waiting would be slower. */
async function flush(jax: Jax, arrays: readonly JaxArray[]): Promise<void> {
  void jax.blockUntilReady(arrays);
  await new Promise(setImmediate);
}

async function loadJax(): Promise<Jax> {
  // Node 20 lacks the iterator helpers that it uses.
  await load("core-js/actual/iterator/index.js");
  const jax = (await load("@jax-js/jax")) as Jax;
  await jax.init("webgpu");
  jax.defaultDevice("webgpu");
  return jax;
}

export function jaxPeer(version: string): Contestant {
  return {
    name: `jax-js ${version} jit`,
    family: "jax-js",
    work: "step",
    open: async (problem) => openStep(await loadJax(), problem),
  };
}

function openStep(jax: Jax, problem: Problem): Engine {
  const { size, batch } = problem;
  const { numpy } = jax;
  const shape = batch === 1 ? [size] : [batch, size];
  const zeros = (): JaxArray => numpy.zeros(shape);
  const bias = numpy.array(problem.bias);
  const target = numpy.array(problem.target).reshape(shape);
  const step = jax.jit(stepOf(jax, problem));
  let state = [numpy.array(problem.weight).reshape([size, size]), zeros(), zeros(), zeros(), zeros()];
  const [weight, rate] = [() => state[0] as JaxArray, () => state[4] as JaxArray];
  return {
    run: async (steps) => {
      for (let done = 1; done <= steps; done++) {
        state = step(...state, bias.ref, target.ref);
        if (done % FLUSHED_STEPS === 0) await flush(jax, [weight(), rate()]);
      }
    },
    settle: () => jax.blockUntilReady([weight(), rate()]),
    read: async () => ({ rate: await rate().ref.data(), weight: await weight().ref.data() }),
    close: () => {
      dispose([...state, bias, target]);
      step.dispose();
    },
  };
}

/** [W, u, v, e, r, b, y] to the next [W, u, v, e, r]. */
function stepOf({ numpy }: Jax, { size, batch, eta }: Problem): Step {
  return (...given) => {
    const [W, u, v, e, r, b, y] = given as [JaxArray, JaxArray, JaxArray, JaxArray, JaxArray, JaxArray, JaxArray];
    const single = batch === 1;
    const current = single ? numpy.matvec(W.ref, r.ref) : numpy.matmul(r.ref, W.ref.transpose());
    const feedback = single ? numpy.matvec(W.ref.transpose(), e.ref) : numpy.matmul(e.ref, W.ref);
    const outer = single
      ? e
          .mul(eta)
          .reshape([size, 1])
          .mul(r.reshape([1, size]))
      : numpy.matmul(e.mul(eta / batch).transpose(), r);
    const du = current
      .add(b)
      .sub(u.ref)
      .mul(1 / TAU_M);
    const rate = numpy.tanh(u.ref.add(du.ref.mul(TAU_R)));
    const slope = rate.ref.mul(rate.ref).mul(-1).add(1);
    const alpha = feedback.add(y.sub(rate.ref).mul(BETA)).mul(slope);
    const dv = alpha.sub(v.ref).mul(1 / TAU_R);
    return [W.add(outer), u.add(du), v.ref.add(dv.ref), v.add(dv.mul(TAU_M)), rate];
  };
}

/** The product r W^T alone, [batch][neurons] times [neurons][neurons]. */
export function jaxProduct(version: string): Contestant {
  return {
    name: `jax-js ${version} np.matmul`,
    family: "jax-js",
    work: "product",
    open: async ({ size, batch, target, weight }) => {
      const jax = await loadJax();
      const left = jax.numpy.array(target).reshape([batch, size]);
      const right = jax.numpy.array(weight).reshape([size, size]);
      const multiply = (): JaxArray => jax.numpy.matmul(left.ref, right.ref);
      let products = [multiply()];
      await jax.blockUntilReady(products);
      return {
        run: async (steps) => {
          // A product that nobody waits for is not computed at all. One group is always under way.
          let before = jax.blockUntilReady(products);
          for (let open = steps; open > 0; open -= FLUSHED_STEPS) {
            const group = Array.from({ length: Math.min(open, FLUSHED_STEPS) }, multiply);
            const now = jax.blockUntilReady(group);
            await before;
            dispose(products);
            [products, before] = [group, now];
          }
          await before;
        },
        settle: () => jax.blockUntilReady(products),
        read: async () => ({ rate: await (products[0] as JaxArray).ref.data(), weight: [] }),
        close: () => dispose([...products, left, right]),
      };
    },
  };
}

function dispose(arrays: readonly JaxArray[]): void {
  for (const array of arrays) array.dispose();
}
