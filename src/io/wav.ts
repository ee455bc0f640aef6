/** Sound as .wav: PCM of 8, 16, 24 and 32 bits and floats of 32 and 64, plain or extensible, mixed down to one channel. */

import { DataError } from "../errors.ts";
import { checkCap, quote, refuse, sourceOf, type ReadOptions, type Source } from "./refusal.ts";

/** A sound in a file that is not read yet. */
export interface Wav {
  /** Frames per second. */
  readonly sampleRate: number;
  readonly channels: number;
  /** Samples of each channel. */
  readonly frames: number;
  /** For example "16-bit PCM". */
  readonly format: string;
  /** [frame], the mean of the channels; PCM from -1 to below 1. @throws DataError for a sample that is not finite */
  readonly read: () => Float32Array;
}

type Read = (view: DataView, at: number) => number;

interface Encoding {
  readonly name: string;
  readonly bytes: number;
  readonly read: Read;
}

/** By the format's code (1: PCM, 3: float) and bits. PCM of 8 bits has no sign, the others have one. */
const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ["1/8", { name: "8-bit PCM", bytes: 1, read: (view, at) => (view.getUint8(at) - 128) / 128 }],
  ["1/16", { name: "16-bit PCM", bytes: 2, read: (view, at) => view.getInt16(at, true) / 2 ** 15 }],
  [
    "1/24",
    {
      name: "24-bit PCM",
      bytes: 3,
      read: (view, at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 2 ** 23,
    },
  ],
  ["1/32", { name: "32-bit PCM", bytes: 4, read: (view, at) => view.getInt32(at, true) / 2 ** 31 }],
  ["3/32", { name: "32-bit float", bytes: 4, read: (view, at) => view.getFloat32(at, true) }],
  ["3/64", { name: "64-bit float", bytes: 8, read: (view, at) => view.getFloat64(at, true) }],
]);

const HIGHEST_RATE = 768_000;
const CURE = "save it as 16-bit PCM";
const EXTENSIBLE = 0xfffe;
/** Behind the code in the name of an extensible format. */
const GUID_TAIL = "000000001000800000aa00389b71";

/**
 * Reads all but the samples; they are read, in at most four times the file, by `read`.
 * @throws DataError for a file that is no .wav, is cut, has chunks that do not fit or another format, and beyond the cap.
 */
export function openWav(bytes: Uint8Array, options: ReadOptions = {}): Wav {
  const source = sourceOf(options, "sound.wav");
  const chunks = readChunks(bytes, source.file);
  const { encoding, channels, sampleRate } = readFormat(chunkOf(chunks, "fmt ", source), source.file);
  const data = chunkOf(chunks, "data", source);
  const block = channels * encoding.bytes;
  if (data.byteLength % block !== 0) {
    const expected = `a multiple of ${block}, for ${channels} channels of ${encoding.name}`;
    throw refuse(source.file, "data", `${data.byteLength} bytes`, expected, "copy it again");
  }
  const frames = data.byteLength / block;
  checkCap(source, "data", frames * Float32Array.BYTES_PER_ELEMENT);
  const read = (): Float32Array => mixDown(data, encoding, channels, frames, source.file);
  return { sampleRate, channels, frames, format: encoding.name, read };
}

/** @throws DataError */
function readChunks(bytes: Uint8Array, file: string): ReadonlyMap<string, DataView> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const marks = bytes.length < 12 ? "" : `${mark(view, 0)}${mark(view, 8)}`;
  if (marks !== "RIFFWAVE") throw refuse(file, "mark", quote(marks), '"RIFFWAVE"', CURE);
  const size = view.getUint32(4, true);
  // Some writers leave out the last padding, some do not count it.
  if (Math.abs(size - (bytes.length - 8)) > 1) {
    throw refuse(
      file,
      "RIFF size",
      `${size}`,
      `${bytes.length - 8}, as the file has`,
      "it is cut off or was streamed; save it again",
    );
  }
  const chunks = new Map<string, DataView>();
  for (let at = 12; at + 8 <= bytes.length;) {
    const [name, length] = [mark(view, at), view.getUint32(at + 4, true)];
    const rest = bytes.length - at - 8;
    if (length > rest)
      throw refuse(file, `chunk ${quote(name)}`, `cut off after ${rest} bytes`, `${length} long`, "copy it again");
    if (chunks.has(name) && (name === "data" || name === "fmt "))
      throw refuse(file, `chunk ${quote(name)}`, "there twice", "there once", CURE);
    chunks.set(name, new DataView(bytes.buffer, bytes.byteOffset + at + 8, length));
    at += 8 + length + (length % 2);
  }
  return chunks;
}

function mark(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((each) => view.getUint8(at + each)));
}

function chunkOf(chunks: ReadonlyMap<string, DataView>, name: string, { file }: Source): DataView {
  const chunk = chunks.get(name);
  if (chunk !== undefined) return chunk;
  throw refuse(file, `chunk ${quote(name)}`, "missing", "there", CURE);
}

interface Format {
  readonly encoding: Encoding;
  readonly channels: number;
  readonly sampleRate: number;
}

function readFormat(chunk: DataView, file: string): Format {
  if (chunk.byteLength < 16) throw refuse(file, "fmt", `${chunk.byteLength} bytes`, "16 or more", CURE);
  const [channels, sampleRate] = [chunk.getUint16(2, true), chunk.getUint32(4, true)];
  const [block, bits] = [chunk.getUint16(12, true), chunk.getUint16(14, true)];
  const code = codeOf(chunk, file);
  const encoding = ENCODINGS.get(`${code}/${bits}`);
  if (encoding === undefined) {
    throw refuse(
      file,
      "format",
      `code ${code} of ${bits} bits`,
      "PCM (1) of 8, 16, 24, 32 or float (3) of 32, 64 bits",
      CURE,
    );
  }
  if (channels === 0) throw refuse(file, "channels", "0", "1 or more", CURE);
  if (sampleRate < 1 || sampleRate > HIGHEST_RATE)
    throw refuse(file, "sample rate", `${sampleRate} Hz`, `1 to ${HIGHEST_RATE}`, CURE);
  if (block !== channels * encoding.bytes) {
    throw refuse(
      file,
      "block size",
      `${block} bytes`,
      `${channels * encoding.bytes}, for ${channels} channels of ${encoding.name}`,
      CURE,
    );
  }
  return { encoding, channels, sampleRate };
}

/** An extensible format tells its code in a longer name. */
function codeOf(chunk: DataView, file: string): number {
  const code = chunk.getUint16(0, true);
  if (code !== EXTENSIBLE) return code;
  if (chunk.byteLength < 40) throw refuse(file, "fmt", `${chunk.byteLength} bytes`, "40, as it is extensible", CURE);
  const tail = Array.from({ length: 14 }, (_, i) =>
    chunk
      .getUint8(26 + i)
      .toString(16)
      .padStart(2, "0"),
  ).join("");
  if (tail !== GUID_TAIL) throw refuse(file, "format", "one of its own name", "PCM or float", CURE);
  return chunk.getUint16(24, true);
}

function mixDown(
  data: DataView,
  { bytes, read }: Encoding,
  channels: number,
  frames: number,
  file: string,
): Float32Array {
  const samples = new Float32Array(frames);
  for (let frame = 0, at = 0; frame < frames; frame++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++, at += bytes) sum += read(data, at);
    samples[frame] = sum / channels;
    if (!Number.isFinite(samples[frame])) {
      throw refuse(file, `frame ${frame}`, `${sum / channels}`, "a finite number of f32", CURE);
    }
  }
  return samples;
}

// ---- writing --------------------------------------------------------------------------------------------------

export interface WavWriteOptions {
  /** Frames per second, 1 to 768,000. */
  readonly sampleRate: number;
  /** 16-bit PCM, rounded and clipped to -1 ... 1, or 32-bit float. Default "pcm16". */
  readonly format?: "pcm16" | "float32";
}

const HEADER_BYTES = 44;

/**
 * A file of one channel.
 * @param samples [frame]
 * @throws DataError for a sample that is not finite, a sample rate out of range, and more than 4 GiB.
 */
export function writeWav(samples: Float32Array, { sampleRate, format = "pcm16" }: WavWriteOptions): Uint8Array {
  if (!(Number.isInteger(sampleRate) && sampleRate >= 1 && sampleRate <= HIGHEST_RATE)) {
    throw new DataError("sampleRate", `is ${sampleRate}, but must be a whole number from 1 to ${HIGHEST_RATE}.`);
  }
  const at = samples.findIndex((sample) => !Number.isFinite(sample));
  if (at >= 0) throw new DataError(`samples[${at}]`, `is ${samples[at]}, but must be a finite number.`);
  const size = format === "pcm16" ? 2 : 4;
  const length = samples.length * size;
  if (length > 2 ** 32 - 64)
    throw new DataError("samples", `are ${length} bytes, but a .wav holds 4 GiB; write several.`);
  const bytes = new Uint8Array(HEADER_BYTES + length);
  const view = new DataView(bytes.buffer);
  const put = (at: number, text: string): void => bytes.set(new TextEncoder().encode(text), at);
  put(0, "RIFF");
  view.setUint32(4, HEADER_BYTES - 8 + length, true);
  put(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, format === "pcm16" ? 1 : 3, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * size, true);
  view.setUint16(32, size, true);
  view.setUint16(34, 8 * size, true);
  put(36, "data");
  view.setUint32(40, length, true);
  for (const [i, sample] of samples.entries()) {
    if (format === "float32") view.setFloat32(HEADER_BYTES + 4 * i, sample, true);
    else view.setInt16(HEADER_BYTES + 2 * i, Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), true);
  }
  return bytes;
}
