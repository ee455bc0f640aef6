/**
 * Every failure that a user can meet, as a class with a stable `code`, a sentence that names the value, the limit
 * and the cure, and plain-data `details` (JSON-safe) for programs.
 */

export type ErrorCode =
  | "SPEC_INVALID"
  | "DATA_INVALID"
  | "WEBGPU_UNAVAILABLE"
  | "NO_ADAPTER"
  | "LIMIT_EXCEEDED"
  | "OUT_OF_MEMORY"
  | "SHADER_COMPILE"
  | "DEVICE_LOST"
  | "DIVERGED"
  | "DISPOSED"
  | "INTERNAL";

export type Details = Readonly<Record<string, string | number | boolean | null>>;

interface Circumstances {
  readonly details?: Details;
  readonly cause?: unknown;
}

export class VleError extends Error {
  readonly code: ErrorCode;
  readonly details: Details;

  constructor(code: ErrorCode, message: string, { details = {}, cause }: Circumstances = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** The network or an option is not valid. Thrown before any GPU work; `details.path` names the field. */
export class SpecError extends VleError {
  constructor(path: string, problem: string, details: Details = {}) {
    super("SPEC_INVALID", `${path} ${problem}`, { details: { path, ...details } });
  }
}

/** Data handed to `run` or `write`, or a file, does not have the shape or the values it should have. */
export class DataError extends VleError {
  constructor(path: string, problem: string, details: Details = {}) {
    super("DATA_INVALID", `${path} ${problem}`, { details: { path, ...details } });
  }
}

/** There is no usable device, it is too small, it ran out of memory, or it was lost. */
export class DeviceError extends VleError {
  constructor(
    code: "WEBGPU_UNAVAILABLE" | "NO_ADAPTER" | "LIMIT_EXCEEDED" | "OUT_OF_MEMORY" | "DEVICE_LOST",
    message: string,
    circumstances: Circumstances = {},
  ) {
    super(code, message, circumstances);
  }
}

/** A kernel did not compile: a fault of this library, not of its user. `details` hold kernel, file, line, column. */
export class KernelError extends VleError {
  constructor(message: string, details: Details) {
    super("SHADER_COMPILE", `${message} This is a bug in vle-webgpu; please report it.`, { details });
  }
}

/** A potential or an error stopped being a finite number; `details` name the step, the population and any replica. */
export class DivergedError extends VleError {
  /** @param replica where there are several. */
  constructor(step: number, population: string, replica?: number) {
    super(
      "DIVERGED",
      `Step ${step}: a value of population "${population}"${replica === undefined ? "" : ` of replica ${replica}`} is no longer finite. ` +
        "Lower eta or beta, raise tauR towards tauM, or lower dt. States and parameters are spoilt: make a new simulator, or " +
        "reset() and write sound parameters.",
      { details: { step, population, ...(replica !== undefined && { replica }) } },
    );
  }
}

/** The simulator was destroyed before the call. */
export class DisposedError extends VleError {
  constructor(what: string) {
    super("DISPOSED", `${what} was called on a simulator that is destroyed. Create a new one.`);
  }
}
