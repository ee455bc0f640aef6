/** The live page: trains the preset that the link names with several rules side by side, and shows how they learn. */

import { stream, trainings } from "./choices.ts";
import { startEpochsPage } from "./epochs-page.ts";
import { createKeptKernels } from "./kernels.ts";
import { addressWith, readKernelsLink, readPreset } from "./link.ts";
import { startStreamPage } from "./stream-page.ts";

const choices = [stream, ...trainings];
const { preset, problems } = readPreset(location.search, [stream.name, ...trainings.map(({ name }) => name)]);
const training = trainings.find(({ name }) => name === preset);
const link = readKernelsLink(location.search);
const kernels = createKeptKernels(link.kernels, () => localStorage);
// A page that is loaded again has measured.
if (link.kernels === "anew") history.replaceState(null, "", addressWith("measured", location.href));
const said = [...problems, ...link.problems];
if (training === undefined) startStreamPage(stream, choices, kernels, said);
else startEpochsPage(training, choices, kernels, said);
