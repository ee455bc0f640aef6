/** Files made by hand, so that every byte of them can be wrong. */

import { crc32 } from "../../src/io/crc.ts";
import { ascii, joined } from "./io-files.ts";

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Little-endian. */
export const u16 = (...values: number[]): number[] => values.flatMap((value) => [value & 255, (value >>> 8) & 255]);
export const u32 = (...values: number[]): number[] => values.flatMap((value) => u16(value & 0xffff, value >>> 16));

/** A .npy of version 1 with this header. */
export function npy(header: string, data: readonly number[] = []): Uint8Array {
  return joined(ascii("\x93NUMPY\x01\0"), [header.length % 256, header.length >> 8], ascii(header), data);
}

// ---- .npz -----------------------------------------------------------------------------------------------------

export interface Member {
  readonly name: string;
  readonly data: Uint8Array;
  readonly size?: number;
  readonly method?: number;
  readonly flags?: number;
  readonly checksum?: number;
  /** Where the directory says that it is. */
  readonly at?: number;
}

export function zip(...members: readonly Member[]): Uint8Array {
  let body: Uint8Array = new Uint8Array(0);
  let directory: Uint8Array = new Uint8Array(0);
  for (const {
    name,
    data,
    size = data.length,
    method = 0,
    flags = 0,
    checksum = crc32(data),
    at = body.length,
  } of members) {
    const common = joined(u16(20, flags, method, 0, 0), u32(checksum, data.length, size), u16(name.length, 0));
    directory = joined(directory, u32(0x02014b50), u16(20), common, u16(0, 0, 0), u32(0, at), ascii(name));
    body = joined(body, u32(0x04034b50), common, ascii(name), data);
  }
  const { length } = members;
  return joined(
    body,
    directory,
    u32(0x06054b50),
    u16(0, 0, length, length),
    u32(directory.length, body.length),
    u16(0),
  );
}

// ---- .safetensors ---------------------------------------------------------------------------------------------

export function withHeader(header: string | Uint8Array, ...data: readonly (readonly number[])[]): Uint8Array {
  const bytes = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const length = new Uint8Array(new BigUint64Array([BigInt(bytes.length)]).buffer);
  return joined(length, bytes, ...data);
}

// ---- .wav -----------------------------------------------------------------------------------------------------

export const chunk = (name: string, data: Uint8Array | readonly number[]): Uint8Array =>
  joined(ascii(name), u32(data.length), data, data.length % 2 === 1 ? [0] : []);

export function riff(...chunks: readonly Uint8Array[]): Uint8Array {
  const body = joined(...chunks);
  return joined(ascii("RIFF"), u32(body.length + 4), ascii("WAVE"), body);
}

export const format = (code: number, channels: number, bits: number, rate = 8000): number[] => {
  const block = (channels * bits) / 8;
  return [...u16(code, channels), ...u32(rate, rate * block), ...u16(block, bits)];
};

export const sound = (code: number, channels: number, bits: number, data: readonly number[]): Uint8Array =>
  riff(chunk("fmt ", format(code, channels, bits)), chunk("data", data));
