/**
 * Sizes chunks of steps from measured time, so that no submit holds the GPU for long. Pure.
 */

/** Milliseconds of GPU time that no chunk should exceed. */
const longest = 100;
/** The first chunk is short, because nothing is known yet. */
const firstChunk = 4;
/** A chunk grows at most by this factor; it shrinks at once. */
const growth = 4;

export class Pacer {
  private perStep = 0;
  private last = firstChunk;
  private target: number;

  constructor(targetMilliseconds: number) {
    this.target = Math.min(targetMilliseconds, longest);
  }

  /** Changes the aim and keeps what is known of the device. */
  aimAt(targetMilliseconds: number): void {
    this.target = Math.min(targetMilliseconds, longest);
  }

  /** Steps for the next chunk, at least 1. */
  next(): number {
    // Several chunks are in flight before the first comes back.
    if (this.perStep === 0) return firstChunk;
    this.last = Math.max(1, Math.floor(Math.min(this.target / this.perStep, this.last * growth)));
    return this.last;
  }

  /** A chunk of `steps` took `milliseconds` of the device. Slowing down is believed at once, speeding up by and by. */
  observe(steps: number, milliseconds: number): void {
    const perStep = milliseconds / steps;
    this.perStep = perStep > this.perStep ? perStep : 0.7 * this.perStep + 0.3 * perStep;
  }
}
