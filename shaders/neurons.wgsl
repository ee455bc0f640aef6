// Integrates neurons. One step k is split over two dispatches of this kernel, with the synapses
// in between:
//
//   BEGIN, step k       alpha = phi'(u_prosp) * (m(k-1) + beta * pull of the cost on r(k-1))
//                       dv/dt = (alpha - v) / tau_r ;  e = v + tau_m dv/dt ;  v += dt dv/dt
//   (synapses, step k   s = W r(k-1) + b ;  m = W^T e ;  update)
//   FINISH, step k      du/dt = (s + gamma e - u) / tau_m ;  u_prosp = u + tau_r du/dt
//                       u += dt du/dt ;  r = phi(u_prosp) ;  phi'(u_prosp)
//
// In the middle of a run one dispatch finishes step k-1 and begins step k. All right-hand sides
// use the old u and v. An invocation works on quads of neighbouring neurons; padding has rate and
// error 0.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params, grid,
// activation.

override FINISH: bool = true;
override BEGIN: bool = true;
/// 0: no errors, 1: local, 2: instantaneous.
override ERRORS: u32 = 1u;
/// Quads between two fields of the state.
override FIELD: u32 = 16u;
override BATCH: u32 = 1u;
/// Bits of the costs (1 squared error, 2 cross-entropy) and of the traces (in the order of
/// `places`) that there are.
override COSTS: u32 = 3u;
override TRACES: u32 = 255u;
/// Whether there are WIDE_ROW tiles; without them no barrier is compiled.
override HAS_WIDE_ROWS: bool = false;

const WIDTH = 64u;

/// Tile flags: any quads; batch rows, one per invocation; one batch row for the workgroup.
const NARROW_ROWS = 1u;
const WIDE_ROW = 2u;

const SQUARED_ERROR = 1u;
const CROSS_ENTROPY = 2u;

struct Population {
  size: u32,
  /// Quads in a batch row.
  row: u32,
  /// Place in each field of the state; sources have a rate only.
  first: u32,
  is_source: u32,
  activation: u32,
  /// Partial sums of the current and of the feedback: place of the first and number of them.
  current: u32,
  current_parts: u32,
  feedback: u32,
  feedback_parts: u32,
  /// Places of tau_m and tau_r.
  tau_m: u32,
  tau_r: u32,
  gamma: f32,
  beta: f32,
  cost: u32,
  /// Place of the running cost in the state.
  cost_sum: u32,
  /// Place of the first frame (input of a source, target of a cost), and quads in a frame.
  frame: u32,
  frame_size: u32,
  has_error: u32,
}

struct Recorded {
  population: Population,
  /// Places of the traces in the record, in the order rate, error, potential, low-passed error,
  /// slope, feedback, current, potential derivative; NONE where there is none.
  places: array<u32, 8>,
}

@group(1) @binding(0) var<storage, read> populations: array<Recorded>;
@group(1) @binding(1) var<storage, read> tiles: array<Tile>;
@group(1) @binding(2) var<storage, read> time_constants: array<vec4f>;
@group(1) @binding(3) var<storage, read> partial_sums: array<vec4f>;
@group(1) @binding(4) var<storage, read> frames: array<vec4f>;
/// Fields error, potential, low-passed error, slope, rate, each FIELD long; then the rates of
/// sources, then costs.
@group(1) @binding(5) var<storage, read_write> state: array<vec4f>;
@group(1) @binding(6) var<storage, read_write> record: array<vec4f>;

const ERROR = 0u;
const POTENTIAL = 1u;
const LOW_PASSED = 2u;
const SLOPE = 3u;
const RATE = 4u;

/// The quads of one invocation: first, first + stride, ... below end.
struct Range {
  first: u32,
  end: u32,
  stride: u32,
}

/// The largest rate of a batch row, and log(sum(exp(rate - largest))).
struct SoftmaxRow {
  largest: f32,
  log_sum: f32,
}

/// Finite numbers below every rate, and below every exponent that matters.
const LOWEST = -3.4e38;
const LOWEST_EXPONENT = -100.0;

var<workgroup> sh_reduce: array<f32, WIDTH>;

fn sum_parts(first: u32, parts: u32, stride: u32) -> vec4f {
  var sum = vec4f();
  for (var part = 0u; part < parts; part++) {
    sum += partial_sums[first + part * stride];
  }
  return sum;
}

/// 1 for neurons, 0 for padding.
fn mask(p: Population, quad: u32) -> vec4f {
  return select(vec4f(), vec4f(1.0), quad % p.row * 4u + QUAD < vec4u(p.size));
}

fn trace(index: u32, quantity: u32, at: u32, value: vec4f) {
  if ((TRACES & (1u << quantity)) != 0u) {
    let place = populations[index].places[quantity];
    if (place != NONE) {
      record[place + at] = value;
    }
  }
}

fn finish(p: Population, index: u32, quad: u32, step: u32) {
  let n = BATCH * p.row;
  let k = p.first + quad;
  let at = (step - params.record_origin) % params.record_rows * n + quad;
  let s = sum_parts(p.current + quad, p.current_parts, n);
  let u = state[POTENTIAL * FIELD + k];
  let e = state[ERROR * FIELD + k];
  let of_row = quad % p.row;
  let du_dt = (s + p.gamma * e - u) / time_constants[p.tau_m + of_row];
  let u_next = u + params.dt * du_dt;
  let activated = activate(p.activation, u + time_constants[p.tau_r + of_row] * du_dt);
  let inside = mask(p, quad);
  let rate = inside * activated.rate;
  let slope = inside * activated.slope;
  state[POTENTIAL * FIELD + k] = u_next;
  state[RATE * FIELD + k] = rate;
  state[SLOPE * FIELD + k] = slope;
  report_non_finite(u_next, step, index);
  trace(index, 0u, at, rate);
  trace(index, 1u, at, e);
  trace(index, 2u, at, u_next);
  trace(index, 3u, at, state[LOW_PASSED * FIELD + k]);
  trace(index, 4u, at, slope);
  trace_feedback(p, index, quad, at);
  trace(index, 6u, at, s);
  trace(index, 7u, at, du_dt);
}

fn trace_feedback(p: Population, index: u32, quad: u32, at: u32) {
  if ((TRACES & 32u) != 0u) {
    trace(index, 5u, at, sum_parts(p.feedback + quad, p.feedback_parts, BATCH * p.row));
  }
}

/// All there is to finish of a source: its traces.
fn finish_source(p: Population, index: u32, quad: u32, step: u32) {
  let at = (step - params.record_origin) % params.record_rows * BATCH * p.row + quad;
  trace(index, 0u, at, state[RATE * FIELD + p.first + quad]);
  trace_feedback(p, index, quad, at);
}

/// Place of this step's frame.
fn frame_of(p: Population, step: u32, held: u32) -> u32 {
  return p.frame + (step - params.frame_origin) % held * p.frame_size;
}

fn squared_error_pull(p: Population, quad: u32, step: u32) -> vec4f {
  let y = frames[frame_of(p, step, params.target_frames) + quad];
  let difference = y - state[RATE * FIELD + p.first + quad];
  state[p.cost_sum + quad] += 0.5 * p.beta * difference * difference;
  return difference;
}

fn cross_entropy_pull(p: Population, quad: u32, step: u32, row: SoftmaxRow) -> vec4f {
  let lane = quad / p.row;
  let class_index = frames[frame_of(p, step, params.target_frames) + lane / 4u][lane % 4u];
  let has_class = vec4<bool>(class_index >= 0.0);
  let is_class = has_class & (vec4u(u32(max(class_index, 0.0))) == quad % p.row * 4u + QUAD);
  let log_probability = below_largest(p, quad, row.largest) - row.log_sum;
  let zero = vec4f();
  state[p.cost_sum + quad] -= select(zero, p.beta * log_probability, is_class);
  let one_hot = select(zero, vec4f(1.0), is_class);
  let is_inside = has_class & (mask(p, quad) > zero);
  return select(zero, one_hot - exp(max(log_probability, vec4f(LOWEST_EXPONENT))), is_inside);
}

/// The pull of the cost on a quad of output rates, times beta.
fn cost_pull(p: Population, quad: u32, step: u32, row: SoftmaxRow) -> vec4f {
  var pull = vec4f();
  if ((COSTS & SQUARED_ERROR) != 0u && p.cost == SQUARED_ERROR) {
    pull = squared_error_pull(p, quad, step);
  }
  if ((COSTS & CROSS_ENTROPY) != 0u && p.cost == CROSS_ENTROPY) {
    pull = cross_entropy_pull(p, quad, step, row);
  }
  return p.beta * pull;
}

/// `pull` is what the cost adds to the feedback.
fn begin(p: Population, index: u32, quad: u32, step: u32, pull: vec4f) {
  let k = p.first + quad;
  let m = sum_parts(p.feedback + quad, p.feedback_parts, BATCH * p.row);
  // Before step 0 the slope is 0, so whatever stands in the partial sums then has no effect.
  let alpha = state[SLOPE * FIELD + k] * (m + pull);
  if (ERRORS == 2u) {
    state[ERROR * FIELD + k] = alpha;
    state[LOW_PASSED * FIELD + k] = alpha;
    report_non_finite(alpha, step, index);
  } else {
    let of_row = quad % p.row;
    let v = state[LOW_PASSED * FIELD + k];
    let dv_dt = (alpha - v) / time_constants[p.tau_r + of_row];
    let e = v + time_constants[p.tau_m + of_row] * dv_dt;
    state[ERROR * FIELD + k] = e;
    state[LOW_PASSED * FIELD + k] = v + params.dt * dv_dt;
    report_non_finite(e, step, index);
  }
}

/// Combines one value of each invocation: the largest, or the sum.
fn reduce(value: f32, local: u32, is_sum: bool) -> f32 {
  sh_reduce[local] = value;
  workgroupBarrier();
  for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
    if (local < half) {
      let a = sh_reduce[local];
      let b = sh_reduce[local + half];
      sh_reduce[local] = select(max(a, b), a + b, is_sum);
    }
    workgroupBarrier();
  }
  let result = sh_reduce[0];
  workgroupBarrier();
  return result;
}

/// Rates minus the largest of their batch row; LOWEST where there is padding.
fn below_largest(p: Population, quad: u32, largest: f32) -> vec4f {
  let below = state[RATE * FIELD + p.first + quad] - largest;
  return select(vec4f(LOWEST), below, mask(p, quad) > vec4f());
}

/// The softmax of a batch row in two numbers that keep their digits for rates of any size.
fn softmax_row(p: Population, range: Range, local: u32, is_wide: bool) -> SoftmaxRow {
  var largest = LOWEST;
  for (var quad = range.first; quad < range.end; quad += range.stride) {
    let r = below_largest(p, quad, 0.0);
    largest = max(largest, max(max(r.x, r.y), max(r.z, r.w)));
  }
  if (HAS_WIDE_ROWS && is_wide) {
    largest = reduce(largest, local, false);
  }
  var sum = 0.0;
  for (var quad = range.first; quad < range.end; quad += range.stride) {
    let below = max(below_largest(p, quad, largest), vec4f(LOWEST_EXPONENT));
    sum += dot(mask(p, quad), exp(below));
  }
  if (HAS_WIDE_ROWS && is_wide) {
    sum = reduce(sum, local, true);
  }
  return SoftmaxRow(largest, log(sum));
}

fn range_of(tile: Tile, row: u32, local: u32) -> Range {
  if (tile.flags == NARROW_ROWS) {
    let lane = tile.row + local;
    return Range(lane * row, select(0u, (lane + 1u) * row, local < tile.rows), 1u);
  }
  return Range(tile.row + local, tile.row + tile.rows, WIDTH);
}

/// The same range, or nothing. A loop over nothing stands for an if throughout: an adapter that
/// runs on a CPU may execute every side of a branch, but not a loop that nobody enters.
fn only_if(condition: bool, range: Range) -> Range {
  return Range(range.first, select(0u, range.end, condition), range.stride);
}

/// Errors of a population with a cost.
fn begin_costed(tile: Tile, p: Population, range: Range, step: u32, local: u32) {
  var row = SoftmaxRow();
  if ((COSTS & CROSS_ENTROPY) != 0u) {
    for (var round = 0u; round < min(tile.flags, 1u); round++) {
      row = softmax_row(p, range, local, tile.flags == WIDE_ROW);
    }
  }
  for (var quad = range.first; quad < range.end; quad += range.stride) {
    let pull = cost_pull(p, quad, step, row);
    if (ERRORS != 0u && p.has_error != 0u) {
      begin(p, tile.block, quad, step, pull);
    }
  }
}

/// Tile: block is the population, row and rows its quads, or its batch rows for NARROW_ROWS.
@compute @workgroup_size(WIDTH, 1, 1)
fn neurons(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = tile_index(group, groups);
  if (index >= arrayLength(&tiles)) {
    return;
  }
  let tile = tiles[index];
  let p = populations[tile.block].population;
  let all = range_of(tile, p.row, local);
  let is_source = p.is_source != 0u;
  let step = clock.step;
  if (FINISH) {
    let own = only_if(!is_source, all);
    for (var quad = own.first; quad < own.end; quad += own.stride) {
      finish(p, tile.block, quad, step - 1u);
    }
  }
  if (FINISH && TRACES != 0u) {
    let given = only_if(is_source, all);
    for (var quad = given.first; quad < given.end; quad += given.stride) {
      finish_source(p, tile.block, quad, step - 1u);
    }
  }
  if (!BEGIN) {
    return;
  }
  if (index == 0u && local == 0u) {
    clock.update = clock.updates + 1u;
  }
  let given = only_if(is_source, all);
  let frame = frame_of(p, step, params.input_frames);
  for (var quad = given.first; quad < given.end; quad += given.stride) {
    state[RATE * FIELD + p.first + quad] = frames[frame + quad];
  }
  let is_costed = p.cost != 0u && params.target_frames != 0u;
  if (COSTS != 0u) {
    begin_costed(tile, p, only_if(is_costed, all), step, local);
  }
  if (ERRORS != 0u) {
    let plain = only_if(!is_costed && p.has_error != 0u, all);
    for (var quad = plain.first; quad < plain.end; quad += plain.stride) {
      begin(p, tile.block, quad, step, vec4f());
    }
  }
}
