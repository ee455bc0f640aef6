/** The work that the command line does in a page: it imports this module there and calls one of its functions. */

import { createSimulator } from "../index.ts";
import type { StudyResult } from "../tasks/limit-study.ts";
import { parseRecording } from "../tasks/recording.ts";
import { alignPreset, type AlignEvent, type AlignReport, type AlignRequest } from "../train/align.ts";
import { plainEvent, runPulled, type PlainRequest, type Pull } from "../train/epochs-job.ts";
import {
  synthesize as synthesizeHere,
  type Synthesis,
  type SynthesisEvent,
  type SynthesisRequest,
} from "../train/le-fourier.ts";
import { runStudy, type StudyEvent, type StudyRequest } from "../train/limit-study.ts";
import { toReply, train as trainHere, type Reply, type TrainEvent, type TrainRequest } from "../train/job.ts";
import {
  reproduce as reproduceHere,
  type ReproduceEvent,
  type ReproduceRequest,
  type Reproduction,
} from "../train/reproduce.ts";
import type { Outcome } from "../train/train.ts";
import type { TrainingState } from "../train/training-state.ts";
import { verifyRecording, type Check } from "../train/verification.ts";
import { fetchDigits } from "./digits.ts";

/** @param report a function of the command line: its promise is fulfilled there. */
export function train(request: TrainRequest, report: (event: TrainEvent) => Promise<void>): Promise<Reply<Outcome>> {
  return toReply(async () => trainHere(request, { digits: await fetchDigits(), createSimulator, report }));
}

/** @param report a function of the command line, as is `pull`; it gets events with texts in place of bytes. */
export function trainEpochs(
  request: PlainRequest,
  pull: Pull,
  report: (event: unknown) => Promise<void>,
): Promise<Reply<TrainingState>> {
  return toReply(() => runPulled(request, pull, { createSimulator, report: (event) => report(plainEvent(event)) }));
}

/** @param text content of a golden recording, and the name of its file. */
export function verify(text: string, name: string): Promise<Reply<Check[]>> {
  return toReply(() => verifyRecording(parseRecording(text, name), { createSimulator }));
}

/** @param report a function of the command line: its promise is fulfilled there. */
export function reproduce(
  request: ReproduceRequest,
  report: (event: ReproduceEvent) => Promise<void>,
): Promise<Reply<Reproduction>> {
  return toReply(() => reproduceHere(request, { createSimulator, report }));
}

/** @param report a function of the command line: its promise is fulfilled there. */
export function align(
  request: AlignRequest,
  report: (event: AlignEvent) => Promise<void>,
): Promise<Reply<AlignReport>> {
  return toReply(() => alignPreset(request, { digits: fetchDigits, createSimulator, report }));
}

/** @param report a function of the command line: its promise is fulfilled there. */
export function synthesize(
  request: SynthesisRequest,
  report: (event: SynthesisEvent) => Promise<void>,
): Promise<Reply<Synthesis>> {
  return toReply(() => synthesizeHere(request, { createSimulator, report }));
}

/** @param report a function of the command line: its promise is fulfilled there. */
export function study(
  request: StudyRequest,
  report: (event: StudyEvent) => Promise<void>,
): Promise<Reply<StudyResult[]>> {
  return toReply(() => runStudy(request, { digits: fetchDigits, createSimulator, report }));
}
