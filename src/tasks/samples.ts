/** Sequences to learn from, as every task and every data set gives them. */

/** Samples of one part of a data set. */
export interface Samples {
  readonly count: number;
  /** Of a sample; a network may take several steps to each. */
  readonly frames: number;
  readonly channels: number;
  /** f32 [sample][frame][channel] */
  readonly inputs: Float32Array;
  /** What a sample is compared with. */
  readonly answers: Answers;
}

export type Answers =
  /** One class for the whole sample: i32 [sample]. */
  | { readonly kind: "class"; readonly labels: Int32Array }
  /** A class at every frame: i32 [sample][frame]; -1: nothing is compared there. */
  | { readonly kind: "classes"; readonly labels: Int32Array }
  /** Values at every frame: f32 [sample][frame][output]. */
  | { readonly kind: "values"; readonly outputs: number; readonly targets: Float32Array };

/** The parts of a data set: what learns, what settings are chosen by, what is reported. */
export interface TaskData {
  /** Where each epoch has samples of its own: those of the first. */
  readonly train: Samples;
  /** Gives the samples of an epoch, from 0: as many as `train`, and the same ones whenever it is asked. */
  readonly redraw?: (epoch: number) => Promise<Samples>;
  readonly validation: Samples | null;
  readonly test: Samples;
  /** Names of the classes in the order of their labels; null where the answers are values. */
  readonly classes: readonly string[] | null;
}
