/** The authors' PyTorch code, in a process of its own with a Python and a checkout that the user names. */

import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseJson, root } from "../../scripts/modules.mjs";
import type { Contestant, Engine } from "./engine.ts";
import { BETA, TAU_M, TAU_R, type Problem } from "./problem.ts";
import { PUBLISHED, type PublishedProblem } from "./published.ts";

export interface Torch {
  /** Path of a Python that has PyTorch. */
  readonly python: string;
  /** Of that PyTorch. */
  readonly version: string;
  /** Path of a checkout of the authors' code. */
  readonly checkout: string;
}

interface Answer {
  readonly error?: string;
  readonly rate?: string;
  readonly weight?: string;
}

/** On one thread, and on all: small networks lose more than they gain by the second. */
export function torchPeers(torch: Torch): readonly Contestant[] {
  return peersOf(torch, ({ size, batch, eta, ...problem }: Problem) => ({
    size,
    batch,
    eta,
    beta: BETA,
    tauM: TAU_M,
    tauR: TAU_R,
    weight: encode(problem.weight),
    bias: encode(problem.bias),
    target: encode(problem.target),
  }));
}

/** The network published for MNIST-1D, as their own class builds it. */
export function torchPublished(torch: Torch): readonly Contestant<PublishedProblem>[] {
  return peersOf(torch, ({ eta, weights, biases, input, labels }: PublishedProblem) => ({
    batch: PUBLISHED.batch,
    eta,
    layers: PUBLISHED.network.populations.map(({ size, tauM, tauR }, k) => ({
      size,
      tauM,
      tauR,
      weight: encode(weights[k] ?? new Float32Array()),
      bias: encode(biases[k] ?? new Float32Array()),
    })),
    input: encode(input),
    labels: encode(labels),
  }));
}

function peersOf<P>(torch: Torch, request: (problem: P) => object): readonly Contestant<P>[] {
  return [...new Set([1, availableParallelism()])].map((threads) => ({
    name: `authors' PyTorch ${torch.version}, ${threads} thread${threads === 1 ? "" : "s"}`,
    family: "torch",
    work: "step",
    open: (problem) => openStep(torch, threads, request(problem)),
  }));
}

async function openStep({ python, checkout }: Torch, threads: number, problem: object): Promise<Engine> {
  const driver = join(root, "bench/compare/torch_driver.py");
  const child = spawn(python, [driver, checkout, String(threads)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // Broken pipes are told by the end of its answers.
  child.stdin.on("error", () => undefined);
  const failed = new Promise<never>((_, reject) => child.on("error", reject));
  failed.catch(() => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request: object): Promise<Answer> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await Promise.race([lines.next(), failed]);
    if (line.done === true) throw new Error("Python ended, see above.");
    const answer = parseJson(line.value) as Answer;
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  await ask({ open: problem });
  return {
    run: async (steps) => {
      await ask({ run: steps });
    },
    settle: () => Promise.resolve(),
    read: async () => {
      const { rate = "", weight = "" } = await ask({ read: true });
      return { rate: decode(rate), weight: decode(weight) };
    },
    close: () => void child.stdin.end(),
  };
}

function encode({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function decode(text: string): Float32Array {
  const bytes = Buffer.from(text, "base64");
  return new Float32Array(new Uint8Array(bytes).buffer);
}
