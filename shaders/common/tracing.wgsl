// What synapses keep of the past (shaders/traces.wgsl).
// Provides: Trace, trace_tile. Uses: params, replicas, grid, fields, and the bindings traced,
// parameters, state.

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
  unused_a: u32,
  unused_b: u32,
}

fn time_constant(trace: Trace, place: u32, quad: u32) -> vec4f {
  if ((trace.kind & 3u) == RATES) {
    return vec4f(parameters[place / 4u][place % 4u]);
  }
  return parameters[place + quad % trace.row];
}

/// The signal of this step, or of the step that the error is about.
fn signal_of(trace: Trace, quad: u32, step: u32) -> vec4f {
  if ((trace.kind & 3u) == ONES) {
    return vec4f(1.0);
  }
  let now = state[trace.signal + quad];
  if (!IS_ALIGNED || trace.slots == 0u) {
    return now;
  }
  let slot = trace.ring + step % trace.slots * trace.count + quad;
  let earlier = state[slot];
  state[slot] = now;
  return earlier;
}

fn advance(trace: Trace, quad: u32, step: u32) {
  let signal = signal_of(trace, quad, step);
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

/// A trace of this network.
fn trace_of(index: u32) -> Trace {
  var trace = traced[index];
  if (REPLICAS != 1u) {
    let stride = select(1u, 4u, (trace.kind & 3u) == RATES) * PARAMETER_STRIDE;
    trace.signal = own(trace.signal, STATE_STRIDE);
    trace.z = own(trace.z, STATE_STRIDE);
    trace.x = own(trace.x, STATE_STRIDE);
    trace.ring = own(trace.ring, STATE_STRIDE);
    trace.tau_m = own(trace.tau_m, stride);
    trace.tau_r = own(trace.tau_r, stride);
  }
  return trace;
}

fn trace_tile(tile: Tile, step: u32, local: u32) {
  let trace = trace_of(tile.block);
  for (var quad = tile.row + local; quad < tile.row + tile.rows; quad += WIDTH) {
    advance(trace, quad, step);
  }
}
