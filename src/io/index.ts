export { dtypes, toFloat32, type ArrayEntry, type DType, type NumericArray, type NumericData } from "./array.ts";
export { openCsv, writeCsv, type Csv, type CsvOptions } from "./csv.ts";
export type { Delimiter } from "./csv-scan.ts";
export {
  openDataset,
  type DataFile,
  type Dataset,
  type DatasetDescription,
  type DatasetKind,
  type DatasetOptions,
  type DatasetSource,
  type PartName,
  type SampleRange,
} from "./dataset.ts";
export type { SoundOptions } from "./dataset-sounds.ts";
export {
  createLogMel,
  melFrames,
  speechFrontEnd,
  standardize,
  stretch,
  type LogMel,
  type MelSettings,
} from "./log-mel.ts";
export { readNpy, writeNpy } from "./npy.ts";
export { openNpz, readNpz, writeNpz, type NpzWriteOptions } from "./npz.ts";
export {
  collectParameters,
  parameterPlaces,
  parametersFromNpz,
  parametersFromSafetensors,
  parametersToNpz,
  parametersToSafetensors,
  type NetworkShape,
  type Parameter,
  type ParameterPlace,
} from "./parameters.ts";
export type { ReadOptions } from "./refusal.ts";
export { createResampler, resampledLength, type Resampler } from "./resample.ts";
export { openSafetensors, readSafetensors, writeSafetensors, type Safetensors } from "./safetensors.ts";
export { parametersFromStateDict, type StateDictOptions } from "./state-dict.ts";
export { openWav, writeWav, type Wav, type WavWriteOptions } from "./wav.ts";
export { DataError } from "../errors.ts";
