/** How a tone passes from the top-down signal of a neuron to its error: the closed forms, exact in discrete time. */

/** A tone as a multiple of another one of the same frequency. */
export interface ToneResponse {
  readonly gain: number;
  /** Radians; above 0 where it leads. */
  readonly phase: number;
}

/** Time constants of a neuron, in the unit of dt. */
export interface NeuronTimes {
  readonly tauM: number;
  readonly tauR: number;
}

/** Rules whose errors have a closed form. */
export const toneRules = ["local", "adjoint", "instantaneous"] as const;
export type ToneRule = (typeof toneRules)[number];

/**
 * From the top-down signal of the top neuron of a chain to the error of its lowest, with unit weights and slopes.
 *
 * With F(z) = (tauR (z - 1) + dt) / (tauM (z - 1) + dt) at z = exp(i frequency dt), a neuron's local error is alpha / F,
 * its adjoint is alpha times the conjugate of F, and its instantaneous error is alpha.
 *
 * @param frequency angular, above 0 and below pi / dt.
 */
export function closedForm(rule: ToneRule, chain: readonly NeuronTimes[], dt: number, frequency: number): ToneResponse {
  const response = { gain: 1, phase: 0 };
  if (rule === "instantaneous") return response;
  for (const { tauM, tauR } of chain) {
    const [numerator, denominator] = [lookAhead(tauR, dt, frequency), lookAhead(tauM, dt, frequency)];
    const gain = numerator.gain / denominator.gain;
    response.gain *= rule === "local" ? 1 / gain : gain;
    response.phase -= numerator.phase - denominator.phase;
  }
  return response;
}

/** (tau (z - 1) + dt) / dt. Its phase stays between 0 and pi, so phases of chains add up without a jump. */
function lookAhead(tau: number, dt: number, frequency: number): ToneResponse {
  const angle = frequency * dt;
  const real = 1 + (tau / dt) * (Math.cos(angle) - 1);
  const imaginary = (tau / dt) * Math.sin(angle);
  return { gain: Math.hypot(real, imaginary), phase: Math.atan2(imaginary, real) };
}

/**
 * Least squares of gain cos(angle k + phase) to the values of the steps `from` to `to` (excluded).
 *
 * @param angle radians per step.
 */
export function fitTone(values: ArrayLike<number>, angle: number, from: number, to: number): ToneResponse {
  let [cc, cs, ss, cx, sx] = [0, 0, 0, 0, 0];
  for (let k = from; k < to; k++) {
    const [cos, sin, x] = [Math.cos(angle * k), Math.sin(angle * k), values[k] ?? Number.NaN];
    cc += cos * cos;
    cs += cos * sin;
    ss += sin * sin;
    cx += cos * x;
    sx += sin * x;
  }
  const determinant = cc * ss - cs * cs;
  const real = (ss * cx - cs * sx) / determinant;
  const imaginary = -(cc * sx - cs * cx) / determinant;
  return { gain: Math.hypot(real, imaginary), phase: Math.atan2(imaginary, real) };
}

/** The phase, give or take whole turns, that is nearest to another one. */
export function nearestTurn(phase: number, other: number): number {
  return phase + 2 * Math.PI * Math.round((other - phase) / (2 * Math.PI));
}
