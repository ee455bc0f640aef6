/** The live page: trains the preset that the link names with several rules side by side, and shows how they learn. */

import { stream, trainings } from "./choices.ts";
import { startEpochsPage } from "./epochs-page.ts";
import { readPreset } from "./link.ts";
import { startStreamPage } from "./stream-page.ts";

const choices = [stream, ...trainings];
const { preset, problems } = readPreset(location.search, [stream.name, ...trainings.map(({ name }) => name)]);
const training = trainings.find(({ name }) => name === preset);
if (training === undefined) startStreamPage(stream, choices, problems);
else startEpochsPage(training, choices, problems);
