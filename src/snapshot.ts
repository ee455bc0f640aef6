/**
 * All that the future of a simulator depends on, as bytes, and back. The head tells of what plan they are, so that they are
 * never put where they do not belong; the buffers follow as they stand on the device.
 */

import { checksum } from "./checksum.ts";
import { DataError } from "./errors.ts";
import type { Place, Plan, PlannedBuffer } from "./plan.ts";
import { readPlaces } from "./readback.ts";
import type { RunContext } from "./run.ts";
import { show } from "./spec/read.ts";

const schema = "vle-webgpu/snapshot/1";
/** Starts the bytes; behind it the length of the head and the checksum of all that follows, 32 bits each. */
const magic = "VLE-SNAP";
const prologue = 16;
/** Whose content the future does not depend on, or which the next run brings anew. */
const passing = new Set(["frames", "record", "checkpoints", "params"]) as ReadonlySet<string>;

interface Head {
  readonly schema: string;
  readonly step: number;
  readonly eta: number;
  /** What it is of: paths and values. */
  readonly plan: Readonly<Record<string, string>>;
}

/** @param check throws if the simulator is gone. */
export async function saveSnapshot(context: RunContext, check: () => void): Promise<Uint8Array> {
  const { engine, constants, position } = context;
  const head = encodeHead({ schema, step: position, eta: constants.eta, plan: describe(engine.plan) });
  engine.update();
  const places = keptBuffers(engine.plan).map(placeOf);
  const content = await readPlaces(engine.device, `${engine.label}/save`, places, (name) => engine.buffer(name), check);
  const bytes = new Uint8Array(prologue + head.length + content.byteLength);
  bytes.set(new TextEncoder().encode(magic));
  bytes.set(head, prologue);
  bytes.set(new Uint8Array(content.buffer, content.byteOffset, content.byteLength), prologue + head.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, head.length, true);
  view.setUint32(12, checksum(bytes.subarray(prologue)), true);
  return bytes;
}

/** @throws DataError, before anything is changed. */
export function restoreSnapshot(context: RunContext, snapshot: Uint8Array): void {
  const { engine, constants } = context;
  const { head, content } = decode(snapshot);
  checkPlan(head.plan, describe(engine.plan));
  const buffers = keptBuffers(engine.plan);
  const expected = buffers.reduce((sum, { bytes }) => sum + bytes, 0);
  if (content.length !== expected) {
    throw damaged(`holds ${content.length} bytes of buffers, but this simulator has ${expected}`);
  }
  // Nothing that waits may come down on what is restored.
  engine.update();
  let at = 0;
  for (const { name, bytes } of buffers) {
    const { queue } = engine.device;
    queue.writeBuffer(engine.buffer(name), 0, content.buffer, content.byteOffset + at, bytes);
    at += bytes;
  }
  context.position = head.step;
  constants.eta = head.eta;
  constants.frameOrigin = head.step;
  engine.writeConstants(constants);
}

/** Tables are the plan's; but the clock is one that goes. */
function keptBuffers({ buffers }: Plan): PlannedBuffer[] {
  return buffers.filter(({ name, content }) => name === "clock" || (content === undefined && !passing.has(name)));
}

/** The whole buffer as rows of a quad. */
function placeOf({ name, bytes }: PlannedBuffer): Place {
  return { buffer: name, first: 0, rows: bytes / 16, paddingRows: 0, columns: 4, axes: ["", ""] };
}

// ---- of which plan ------------------------------------------------------------------------------------------

/** All that shapes what the buffers hold, as texts by path. Long lists of numbers are summed up. */
function describe(plan: Plan): Record<string, string> {
  const { batch, replicas, network, learning, tuning, programs } = plan;
  const facts = new Map<string, string>();
  collect(facts, "options", { batch, replicas });
  collect(facts, "network", network);
  collect(facts, "learning", learning);
  collect(facts, "options", { fuseSteps: programs.network !== null, tuning });
  for (const { name, bytes } of keptBuffers(plan)) facts.set(`plan.buffers.${name}`, `${bytes} bytes`);
  return Object.fromEntries(facts);
}

function collect(facts: Map<string, string>, path: string, value: unknown): void {
  if (value instanceof Float64Array) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    facts.set(path, `${value.length} values with the checksum ${checksum(bytes)}`);
  } else if (Array.isArray(value)) {
    facts.set(`${path}.length`, String(value.length));
    value.forEach((entry, index) => {
      collect(facts, `${path}[${index}]`, entry);
    });
  } else if (typeof value === "object" && value !== null) {
    for (const [key, entry] of Object.entries(value)) collect(facts, `${path}.${key}`, entry);
  } else facts.set(path, JSON.stringify(value));
}

function checkPlan(saved: Readonly<Record<string, string>>, own: Readonly<Record<string, string>>): void {
  const paths = new Set([...Object.keys(own), ...Object.keys(saved)]);
  for (const path of paths) {
    const [was, is] = [saved, own].map((facts) => (Object.hasOwn(facts, path) ? facts[path] : "not there"));
    if (was === is) continue;
    const cure = "create the simulator with the network and the options that the snapshot was saved with";
    throw new DataError("snapshot", `is of a simulator whose ${path} is ${was}; here it is ${is}: ${cure}.`, {
      field: path,
      found: was ?? null,
      expected: is ?? null,
    });
  }
}

// ---- bytes --------------------------------------------------------------------------------------------------

/** Padded to whole quads, so that the buffers can be read where they stand. */
function encodeHead(head: Head): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const padded = new Uint8Array(Math.ceil(text.length / 16) * 16).fill(0x20);
  padded.set(text);
  return padded;
}

function decode(snapshot: Uint8Array): { readonly head: Head; readonly content: Uint8Array } {
  if (!(snapshot instanceof Uint8Array)) {
    throw new DataError("snapshot", `is ${show(snapshot)}, but must be the Uint8Array that save() gave.`);
  }
  const isOne = new TextDecoder().decode(snapshot.subarray(0, magic.length)) === magic;
  if (!isOne || snapshot.length < prologue) throw damaged("does not begin like one");
  const view = new DataView(snapshot.buffer, snapshot.byteOffset);
  const length = view.getUint32(8, true);
  const rest = snapshot.subarray(prologue);
  const known = view.getUint32(12, true);
  if (length > rest.length || checksum(rest) !== known) throw damaged("is cut or was changed since");
  const head = parseHead(new TextDecoder().decode(rest.subarray(0, length)));
  if (head.schema !== schema) throw damaged(`is of the form ${show(head.schema)}, but this version reads "${schema}"`);
  const isHead =
    typeof head.plan === "object" && head.plan !== null && Number.isSafeInteger(head.step) && Number.isFinite(head.eta);
  if (isHead) return { head: head as unknown as Head, content: rest.subarray(length) };
  throw damaged("has a head without step, eta or plan");
}

function parseHead(text: string): Partial<Record<keyof Head, unknown>> {
  try {
    const head: unknown = JSON.parse(text);
    if (typeof head === "object" && head !== null) return head;
  } catch {
    // It is said below.
  }
  throw damaged("has a head that is not an object of JSON");
}

function damaged(problem: string): DataError {
  return new DataError("snapshot", `${problem}; give the bytes that save() gave, whole and unchanged.`);
}
