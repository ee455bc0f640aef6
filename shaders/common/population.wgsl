// Stretches of populations, and the costs of their rates.
// Provides: COSTS, HAS_WIDE_ROWS, TARGET_LAG, Range, SoftmaxRow, sum_parts, mask, range_of,
// only_if, frame_of, cost_pull, softmax_of_tile. Uses: params, replicas, grid, fields,
// populations, and the bindings partial_sums, frames, state.

/// Bits of the costs that there are: 1 squared error, 2 cross-entropy.
override COSTS: u32 = 3u;
/// Whether there are WIDE_ROW tiles; without them no barrier is compiled.
override HAS_WIDE_ROWS: bool = false;
/// Steps between a step and the one whose target it compares.
override TARGET_LAG: u32 = 0u;

/// Tile flags: any quads; batch rows, one per invocation; one batch row for the workgroup.
const NARROW_ROWS = 1u;
const WIDE_ROW = 2u;

const SQUARED_ERROR = 1u;
const CROSS_ENTROPY = 2u;

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
  let below = state[RATE * params.field + p.first + quad] - largest;
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

/// The same range, or nothing.
fn only_if(condition: bool, range: Range) -> Range {
  return Range(range.first, select(0u, range.end, condition), range.stride);
}

/// Place of the frame of a step.
fn frame_of(p: Population, step: u32, held: u32) -> u32 {
  return p.frame + (step - params.frame_origin) % held * p.frame_size;
}

/// Target minus rate of a quad; 0 where no target was kept. The step is that of the target.
fn difference_of(p: Population, quad: u32, step: u32, is_kept: bool) -> vec4f {
  let rate = state[RATE * params.field + p.first + quad];
  if (KEEPS_TARGET && is_kept) {
    let has_target = state[p.kept_target + params.batch * p.row + quad];
    return has_target * (state[p.kept_target + quad] - rate);
  }
  if (KEEPS_TARGET && params.target_frames == 0u) {
    return vec4f();
  }
  return frames[frame_of(p, step, params.target_frames) + quad] - rate;
}

/// The class of a batch row; below 0: none.
fn class_of(p: Population, lane: u32, step: u32, is_kept: bool) -> f32 {
  if (KEEPS_TARGET && is_kept) {
    return state[p.kept_target + lane / 4u][lane % 4u] - 1.0;
  }
  if (KEEPS_TARGET && params.target_frames == 0u) {
    return -1.0;
  }
  return frames[frame_of(p, step, params.target_frames) + lane / 4u][lane % 4u];
}

/// Which target a cost compares, and whether it is summed up.
struct Comparison {
  step: u32,
  is_kept: bool,
  is_summed: bool,
}

fn add_cost(place: u32, cost: vec4f, is_summed: bool) {
  if (is_summed) {
    state[place] += cost;
  }
  if (STEP_COSTS != 0u) {
    state[place + STEP_COSTS] = cost;
  }
}

fn squared_error_pull(p: Population, quad: u32, comparison: Comparison) -> vec4f {
  let difference = difference_of(p, quad, comparison.step, comparison.is_kept);
  add_cost(p.cost_sum + quad, 0.5 * p.beta * difference * difference, comparison.is_summed);
  return difference;
}

fn cross_entropy_pull(p: Population, quad: u32, row: SoftmaxRow, comparison: Comparison) -> vec4f {
  let class_index = class_of(p, quad / p.row, comparison.step, comparison.is_kept);
  let has_class = vec4<bool>(class_index >= 0.0);
  let is_class = has_class & (vec4u(u32(max(class_index, 0.0))) == quad % p.row * 4u + QUAD);
  let log_probability = below_largest(p, quad, row.largest) - row.log_sum;
  let zero = vec4f();
  let cost = -select(zero, p.beta * log_probability, is_class);
  add_cost(p.cost_sum + quad, cost, comparison.is_summed);
  let one_hot = select(zero, vec4f(1.0), is_class);
  let is_inside = has_class & (mask(p, quad) > zero);
  return select(zero, one_hot - exp(max(log_probability, vec4f(LOWEST_EXPONENT))), is_inside);
}

/// The pull of the cost on a quad of output rates, times beta.
fn cost_pull(p: Population, quad: u32, row: SoftmaxRow, comparison: Comparison) -> vec4f {
  var pull = vec4f();
  if ((COSTS & SQUARED_ERROR) != 0u && p.cost == SQUARED_ERROR) {
    pull = squared_error_pull(p, quad, comparison);
  }
  if ((COSTS & CROSS_ENTROPY) != 0u && p.cost == CROSS_ENTROPY) {
    pull = cross_entropy_pull(p, quad, row, comparison);
  }
  return p.beta * pull;
}

/// The softmax of the batch row that the tile is, if it is one.
fn softmax_of_tile(p: Population, tile: Tile, range: Range, local: u32) -> SoftmaxRow {
  var row = SoftmaxRow();
  if ((COSTS & CROSS_ENTROPY) != 0u) {
    for (var round = 0u; round < min(tile.flags, 1u); round++) {
      row = softmax_row(p, range, local, tile.flags == WIDE_ROW);
    }
  }
  return row;
}
