/** What a peer is to the comparison. */

import type { Outcome, Problem } from "./problem.ts";
import type { Work } from "./twin.ts";

/** A problem in an engine. */
export interface Engine {
  /** A number of steps that timed ones are a multiple of. Default 1. */
  readonly grain?: number;
  /** Hands `steps` steps to the engine; they may be under way when it resolves. */
  run(steps: number): void | Promise<void>;
  /** Resolves when all steps so far are done. */
  settle(): Promise<unknown>;
  /** As it is after all steps so far. */
  read(): Promise<Outcome>;
  /** Lets go of its memory. It is not used any more. */
  close(): void | Promise<void>;
}

/** P: the problem that it is given. */
export interface Contestant<P = Problem> {
  /** For people, with its version: "jax-js 0.1.25 jit". */
  readonly name: string;
  /** Those of a family are ways to do the same with one engine: the fastest counts. */
  readonly family: Family;
  /** What a step of it is. */
  readonly work: Work;
  open(problem: P): Promise<Engine>;
}

export const FAMILIES = ["ours", "jax-js", "tfjs", "ort", "torch"] as const;
export type Family = (typeof FAMILIES)[number];

/** Peers that are packages of npm. */
export const NPM_PEERS = ["jax-js", "tfjs", "ort"] as const;
export type NpmPeer = (typeof NPM_PEERS)[number];
