// What synapses keep of the past. Matched traces (ours): signals filtered like the membrane of a
// neuron, from its input to its look-ahead potential.
//
//   d = signal - z ;  x = z + (tau_r / tau_m) d ;  z += (dt / tau_m) d
//
// Aligned lags (ours): signals wait in a ring until the error that they belong to is there.
// Source of the equations: docs/theory.md, "Matched traces". Twin: src/reference/traces.ts. Uses:
// params, grid.

override IS_ALIGNED: bool = false;

const WIDTH = 64u;

/// The signals: rates, all filtered by the time constants of one neuron, which stands for its
/// class; the constant 1 or du/dt, each filtered by the time constants of its own neuron.
const RATES = 0u;
const ONES = 1u;
const DERIVATIVES = 2u;
/// Added to them: x is the signal itself.
const UNFILTERED = 4u;

struct Trace {
  /// Places in the state: signal, z, x, and the ring of `slots` steps.
  signal: u32,
  z: u32,
  x: u32,
  ring: u32,
  slots: u32,
  /// Quads of all batch rows, and of one.
  count: u32,
  row: u32,
  kind: u32,
  /// Places of the time constants: of RATES counted in values, else in quads.
  tau_m: u32,
  tau_r: u32,
}

@group(1) @binding(0) var<storage, read> traced: array<Trace>;
@group(1) @binding(1) var<storage, read> tiles: array<Tile>;
@group(1) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> state: array<vec4f>;

fn time_constant(trace: Trace, place: u32, quad: u32) -> vec4f {
  if ((trace.kind & 3u) == RATES) {
    return vec4f(parameters[place / 4u][place % 4u]);
  }
  return parameters[place + quad % trace.row];
}

/// The signal of this step, or of the step that the error is about.
fn signal_of(trace: Trace, quad: u32) -> vec4f {
  if ((trace.kind & 3u) == ONES) {
    return vec4f(1.0);
  }
  let now = state[trace.signal + quad];
  if (!IS_ALIGNED || trace.slots == 0u) {
    return now;
  }
  let slot = trace.ring + clock.step % trace.slots * trace.count + quad;
  let earlier = state[slot];
  state[slot] = now;
  return earlier;
}

fn advance(trace: Trace, quad: u32) {
  let signal = signal_of(trace, quad);
  if ((trace.kind & UNFILTERED) != 0u) {
    state[trace.x + quad] = signal;
    return;
  }
  let tau_m = time_constant(trace, trace.tau_m, quad);
  let z = state[trace.z + quad];
  let difference = signal - z;
  state[trace.x + quad] = z + time_constant(trace, trace.tau_r, quad) / tau_m * difference;
  state[trace.z + quad] = z + params.dt / tau_m * difference;
}

/// Tile: block is the trace, row and rows its quads.
@compute @workgroup_size(WIDTH, 1, 1)
fn traces(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  let tile = tiles[index];
  let trace = traced[tile.block];
  for (var quad = tile.row + local; quad < tile.row + tile.rows; quad += WIDTH) {
    advance(trace, quad);
  }
}
