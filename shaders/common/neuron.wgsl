// One step of a population's neurons in parts: load, finish, begin (shaders/neurons.wgsl).
// Provides: ERRORS, TRACES, BEGIN_TRACES, TRAJECTORY, PREVIOUS, POWERS, load_tile, finish_tile,
// begin_tile, keep_pair. Uses: params, replicas, grid, activation, fields, population, and the
// bindings populations, parameters, partial_sums, frames, state, record.

/// 0: no errors, 1: local, 2: instantaneous.
override ERRORS: u32 = 1u;
/// Bits of the traces that are recorded where a step is finished, and where it is begun.
override TRACES: u32 = 511u;
override BEGIN_TRACES: u32 = 0u;
/// Whether a window keeps the step: 1 look-ahead potentials, 2 also derivatives.
override TRAJECTORY: u32 = 0u;
/// More fields of the state that are kept only where something needs them: the rates of the step
/// before, and the running means of alpha^2 and e^2 for the corrected gain.
override PREVIOUS: u32 = 0u;
override POWERS: u32 = 0u;

fn trace(index: u32, quantity: u32, at: u32, value: vec4f) {
  if (((TRACES | BEGIN_TRACES) & (1u << quantity)) != 0u) {
    let place = populations[index].places[quantity / 4u][quantity % 4u];
    if (place != NONE) {
      record[place + at] = value;
    }
  }
}

/// Place of a quad in the traces of a step.
fn traced_at(p: Population, quad: u32, step: u32) -> u32 {
  return traced_row(step) * params.batch * p.row + quad;
}

/// What the weights lacked in a product, in the quad of the own ones of the pairs from `kept` on.
fn lacking(p: Population, quad: u32, kept: u32, dots: u32, parts: u32) -> vec4f {
  let pairs = select(0u, clock[replica].lacking, parts != 0u);
  var sum = vec4f();
  for (var first = 0u; first < pairs; first += 4u) {
    let products = sum_parts(dots + first / 4u, parts, DEFERRED / 4u);
    let share = select(vec4f(), products, first + QUAD < vec4u(pairs));
    let place = kept + first * p.row + quad;
    let rows = mat4x4f(
      state[place],
      state[place + p.row],
      state[place + 2u * p.row],
      state[place + 3u * p.row],
    );
    sum += rows * share;
  }
  return params.eta * clock[replica].eta_scale * sum;
}

/// What the synapses give: the current, and the feedback.
fn current_of(p: Population, quad: u32) -> vec4f {
  let s = sum_parts(p.current + quad, p.current_parts, params.batch * p.row);
  if (DEFERRED == 1u) {
    return s;
  }
  return s + lacking(p, quad, p.kept_errors, p.current_dots, p.current_dot_parts);
}

fn feedback_of(p: Population, quad: u32) -> vec4f {
  let m = sum_parts(p.feedback + quad, p.feedback_parts, params.batch * p.row);
  if (DEFERRED == 1u) {
    return m;
  }
  return m + lacking(p, quad, p.kept_rates, p.feedback_dots, p.feedback_dot_parts);
}

/// `row` is that of the step in its segment of the trajectory.
fn finish(p: Population, index: u32, quad: u32, step: u32, row: u32) {
  let n = params.batch * p.row;
  let k = p.first + quad;
  let at = traced_at(p, quad, step);
  let s = current_of(p, quad);
  let u = state[POTENTIAL * params.field + k];
  let e = state[ERROR * params.field + k];
  let of_row = quad % p.row;
  var drive = s - u;
  if (ERRORS != 0u) {
    drive = s + p.gamma * e - u;
  }
  let du_dt = drive / parameters[p.tau_m + of_row];
  let u_next = u + params.dt * du_dt;
  let look_ahead = u + parameters[p.tau_r + of_row] * du_dt;
  let activated = activate(p.activation, look_ahead);
  let inside = mask(p, quad);
  let rate = inside * activated.rate;
  let slope = inside * activated.slope;
  state[POTENTIAL * params.field + k] = u_next;
  state[RATE * params.field + k] = rate;
  state[SLOPE * params.field + k] = slope;
  if (IS_ALIGNED && p.slope_slots != 0u) {
    state[p.slopes + step % p.slope_slots * n + quad] = slope;
  }
  if (DERIVATIVE != 0u) {
    state[DERIVATIVE * params.field + k] = du_dt;
  }
  if (TRAJECTORY != 0u) {
    record[p.trajectory + (row + 1u) * n + quad] = look_ahead;
    if (TRAJECTORY > 1u) {
      record[p.derivatives + row * n + quad] = du_dt;
    }
  }
  report_non_finite(u_next, step, index);
  trace(index, 0u, at, rate);
  trace(index, 2u, at, u_next);
  trace(index, 4u, at, slope);
  trace(index, 6u, at, s);
  trace(index, 7u, at, du_dt);
  if ((TRACES & 298u) != 0u) {
    trace_errors(p, index, quad, at);
  }
}

/// Error, low-passed error, feedback and top-down signal: bits 1, 3, 5, 8.
fn trace_errors(p: Population, index: u32, quad: u32, at: u32) {
  let k = p.first + quad;
  trace(index, 1u, at, state[ERROR * params.field + k]);
  trace(index, 3u, at, state[LOW_PASSED * params.field + k]);
  trace_feedback(p, index, quad, at);
  if (TOP_DOWN != 0u) {
    trace(index, 8u, at, state[TOP_DOWN * params.field + k]);
  }
}

fn trace_feedback(p: Population, index: u32, quad: u32, at: u32) {
  if (((TRACES | BEGIN_TRACES) & 32u) != 0u) {
    trace(index, 5u, at, feedback_of(p, quad));
  }
}

/// All there is to finish of a source: its traces.
fn finish_source(p: Population, index: u32, quad: u32, step: u32) {
  let at = traced_at(p, quad, step);
  trace(index, 0u, at, state[RATE * params.field + p.first + quad]);
  trace_feedback(p, index, quad, at);
}

/// Keeps the target of the step that ends for a run that begins with the next one.
fn keep_target(p: Population, quad: u32, step: u32) {
  let has_target = params.target_frames != 0u;
  var values = vec4f();
  if ((COSTS & SQUARED_ERROR) != 0u && p.cost == SQUARED_ERROR) {
    if (has_target) {
      values = frames[frame_of(p, step, params.target_frames) + quad];
    }
    state[p.kept_target + quad] = values;
    state[p.kept_target + params.batch * p.row + quad] = vec4f(select(0.0, 1.0, has_target));
  }
  let lane = quad / p.row;
  let is_first = quad % p.row == 0u && lane % 4u == 0u;
  if ((COSTS & CROSS_ENTROPY) != 0u && p.cost == CROSS_ENTROPY && is_first) {
    if (has_target) {
      values = frames[frame_of(p, step, params.target_frames) + lane / 4u] + 1.0;
    }
    state[p.kept_target + lane / 4u] = values;
  }
}

/// The rate of a source is its frame of the step.
fn load(p: Population, quad: u32, step: u32, row: u32) {
  let rate = frames[frame_of(p, step, params.input_frames) + quad];
  state[RATE * params.field + p.first + quad] = rate;
  if (TRAJECTORY != 0u) {
    record[p.trajectory + row * params.batch * p.row + quad] = rate;
  }
}

/// What is kept of a population's rates before they are overwritten.
fn keep_rate(p: Population, quad: u32, starts_segment: bool) {
  let rate = state[RATE * params.field + p.first + quad];
  if (PREVIOUS != 0u) {
    state[PREVIOUS * params.field + p.first + quad] = rate;
  }
  if (TRAJECTORY != 0u && starts_segment) {
    record[p.trajectory + quad] = rate;
  }
}

/// alpha^2 and e^2, in the mean up to now, and the error times their ratio.
fn corrected(p: Population, quad: u32, alpha: vec4f, e: vec4f) -> vec4f {
  let k = p.first + quad;
  let weight = 0.1 * params.dt / parameters[p.tau_m + quad % p.row];
  let a = mix(state[POWERS * params.field + k], alpha * alpha, weight);
  let b = mix(state[(POWERS + 1u) * params.field + k], e * e, weight);
  state[POWERS * params.field + k] = a;
  state[(POWERS + 1u) * params.field + k] = b;
  let gain = clamp(a / max(b, vec4f(1.2e-38)), vec4f(1e-3), vec4f(1.0));
  return select(e, gain * e, b > vec4f());
}

/// The error of a step; `pull` is what the cost adds to the feedback.
fn begin(p: Population, index: u32, quad: u32, step: u32, pull: vec4f) {
  let k = p.first + quad;
  let m = feedback_of(p, quad);
  var slope = state[SLOPE * params.field + k];
  if (IS_ALIGNED && p.slope_slots != 0u) {
    slope = state[p.slopes + step % p.slope_slots * params.batch * p.row + quad];
  }
  // Before step 0 the slope is 0, so whatever stands in the partial sums then has no effect.
  let alpha = slope * (m + pull);
  if (TOP_DOWN != 0u) {
    state[TOP_DOWN * params.field + k] = alpha;
  }
  if (ERRORS == 2u) {
    state[ERROR * params.field + k] = alpha;
    state[LOW_PASSED * params.field + k] = alpha;
    report_non_finite(alpha, step, index);
  } else {
    let of_row = quad % p.row;
    let v = state[LOW_PASSED * params.field + k];
    let dv_dt = (alpha - v) / parameters[p.tau_r + of_row];
    var e = v + parameters[p.tau_m + of_row] * dv_dt;
    if (POWERS != 0u) {
      e = corrected(p, quad, alpha, e);
    }
    state[ERROR * params.field + k] = e;
    state[LOW_PASSED * params.field + k] = v + params.dt * dv_dt;
    report_non_finite(e, step, index);
  }
  if (BEGIN_TRACES != 0u) {
    trace_errors(p, index, quad, traced_at(p, quad, step));
  }
}

fn load_tile(tile: Tile, step: u32, row: u32, starts_segment: bool, local: u32) {
  let p = population_of(tile.block);
  let all = range_of(tile, p.row, local);
  let given = only_if(p.is_source != 0u, all);
  for (var quad = given.first; quad < given.end; quad += given.stride) {
    load(p, quad, step, row);
  }
  if (PREVIOUS != 0u || TRAJECTORY != 0u) {
    let own = only_if(p.is_source == 0u && (PREVIOUS != 0u || starts_segment), all);
    for (var quad = own.first; quad < own.end; quad += own.stride) {
      keep_rate(p, quad, starts_segment);
    }
  }
}

fn finish_source_tile(tile: Tile, step: u32, local: u32) {
  let p = population_of(tile.block);
  let given = only_if(p.is_source != 0u, range_of(tile, p.row, local));
  for (var quad = given.first; quad < given.end; quad += given.stride) {
    finish_source(p, tile.block, quad, step);
  }
}

fn finish_tile(tile: Tile, step: u32, row: u32, local: u32) {
  let p = population_of(tile.block);
  let all = range_of(tile, p.row, local);
  let own = only_if(p.is_source == 0u, all);
  if (own.first < own.end) {
    var quad = own.first;
    loop {
      finish(p, tile.block, quad, step, row);
      continuing {
        quad += own.stride;
        break if quad >= own.end;
      }
    }
  }
  if (KEEPS_TARGET) {
    let compared = only_if(p.cost != 0u, all);
    for (var quad = compared.first; quad < compared.end; quad += compared.stride) {
      keep_target(p, quad, step);
    }
  }
  if (TRACES != 0u) {
    finish_source_tile(tile, step, local);
  }
}

fn begin_tile(tile: Tile, step: u32, is_kept: bool, local: u32) {
  let p = population_of(tile.block);
  let all = range_of(tile, p.row, local);
  let is_compared = p.cost != 0u && (KEEPS_TARGET || params.target_frames != 0u);
  if (COSTS != 0u) {
    let range = only_if(is_compared, all);
    let row = softmax_of_tile(p, tile, range, local);
    let comparison = Comparison(step - TARGET_LAG, is_kept, true);
    if (range.first < range.end) {
      var quad = range.first;
      loop {
        let pull = cost_pull(p, quad, row, comparison);
        if (ERRORS != 0u && p.has_error != 0u) {
          begin(p, tile.block, quad, step, pull);
        }
        continuing {
          quad += range.stride;
          break if quad >= range.end;
        }
      }
    }
  }
  if (ERRORS != 0u) {
    let range = only_if(!is_compared && p.has_error != 0u, all);
    if (range.first < range.end) {
      var quad = range.first;
      loop {
        begin(p, tile.block, quad, step, vec4f());
        continuing {
          quad += range.stride;
          break if quad >= range.end;
        }
      }
    }
  }
}

/// Keeps the rates and errors of a step for its update. The feedback of the step has been taken:
/// its correction needs what stood here.
fn keep_pair(tile: Tile, local: u32) {
  let p = population_of(tile.block);
  let all = range_of(tile, p.row, local);
  let place = clock[replica].next_pair * p.row;
  let rates = only_if(p.kept_rates != NONE, all);
  for (var quad = rates.first; quad < rates.end; quad += rates.stride) {
    state[p.kept_rates + place + quad] = state[RATE * params.field + p.first + quad];
  }
  let errors = only_if(p.kept_errors != NONE, all);
  for (var quad = errors.first; quad < errors.end; quad += errors.stride) {
    state[p.kept_errors + place + quad] = state[ERROR * params.field + p.first + quad];
  }
}
