/** Folders of sounds, as the host gives them: from a disk, or chosen in a page. Nothing is read before it is needed. */

import { DataError } from "../errors.ts";
import type { DataFile } from "../io/dataset.ts";
import { plain, quote, refuse } from "../io/refusal.ts";
import { createWavResampler } from "../io/resample.ts";
import { openWav, type Wav } from "../io/wav.ts";
import { at, fields, list, wrong } from "../spec/read.ts";

export interface SoundFolder {
  /** Of all files in it, with slashes: "recordings/7_jackson_0.wav". Those that are no .wav are left alone. */
  readonly paths: readonly string[];
  /** The content of one of them. */
  readonly read: (path: string) => Uint8Array | Promise<Uint8Array>;
}

/** Checks what may come from anywhere. @throws SpecError unless it is a folder as above. */
export function checkFolder(value: unknown, path: string): SoundFolder {
  const known = fields(value, path, ["paths", "read"]);
  const { read } = known;
  const paths = list(known.paths, at(path, "paths"), (entry, place) => {
    if (typeof entry === "string") return entry;
    throw wrong(place, entry, "a text");
  });
  if (typeof read !== "function") throw wrong(at(path, "read"), read, "a function that reads a path");
  return { paths, read: read as SoundFolder["read"] };
}

/** The folder of files that are in memory already. */
export function folderOf(files: readonly DataFile[]): SoundFolder {
  const contents = new Map(files.map(({ path, bytes }) => [path, bytes]));
  return {
    paths: [...contents.keys()],
    read: (path) => {
      const bytes = contents.get(path);
      if (bytes === undefined) throw new DataError("folder", `has no ${quote(path)}; choose the whole folder.`);
      return bytes;
    },
  };
}

/** The .wav files of a folder, in the order of their paths, which does not depend on the host. */
export function soundsIn({ paths }: SoundFolder): readonly string[] {
  return paths.filter((path) => path.toLowerCase().endsWith(".wav")).sort();
}

export function fileNameOf(path: string): string {
  return path.split("/").at(-1) ?? "";
}

/** The samples of a file of a folder. */
export type ReadSound = (folder: SoundFolder, path: string) => Promise<Float32Array>;

/**
 * Prepares reading at one sample rate.
 *
 * @param resample whether sounds of another rate are brought to it; else what it gives refuses them.
 * @returns a function that throws DataError for a file that is no .wav or of another rate.
 */
export function createSoundReader(sampleRate: number, resample: boolean): ReadSound {
  const heard = createWavResampler(sampleRate);
  return async (folder, path) => {
    const wav: Wav = openWav(await folder.read(path), { file: path });
    if (wav.sampleRate !== sampleRate && !resample) {
      const cure = "set resample to have it brought to that, or convert it";
      throw refuse(plain(path), "sample rate", `${wav.sampleRate} Hz`, `${sampleRate}`, cure);
    }
    return heard(wav).read();
  };
}
