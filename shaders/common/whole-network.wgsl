// Many steps, or windows of adjoint errors, of a network that one workgroup owns: it does what the
// other kernels do, part by part in the same order, and settles between two parts that depend on
// each other.
// Provides: IS_SWEEP, UPDATES, LEARNS_SYNAPSES, LEARNS_TAU, IS_TRACED, IS_ADJOINT, IS_ONE_PASS,
// LEVELS, SUMS, run_steps. Uses: params, replicas, grid, fields, populations, population, neuron,
// reversal, projections, product-tiles, products, learning, one-pass-flags, columns, tracing,
// time-constants, summing, applying, the bindings state, partial_sums, record, parameters, and
// `settle` of the kernel.

override IS_SWEEP: bool = false;
/// Whether parameters learn: in every step, or after every window.
override UPDATES: bool = true;
override LEARNS_SYNAPSES: bool = true;
override LEARNS_TAU: bool = false;
override IS_TRACED: bool = false;
override IS_ADJOINT: bool = false;
/// Whether both products and the update of synapses are one pass: a batch of 1 in jacobi.
override IS_ONE_PASS: bool = false;
override LEVELS: u32 = 1u;
/// Quads of partial sums of a network.
override SUMS: u32 = 1u;

/// Limits of a network that fits: rows of the tables below.
const MOST_POPULATIONS = 16u;
const MOST_PROJECTIONS = 32u;
const MOST_TRACES = 128u;
const MOST_TILES = 512u;
const MOST_LEVELS = 8u;

/// Rows of the table of ranges: first tile and number of tiles of each part. The first rows are
/// the levels of neurons, then come those of the products forward and those of the products back.
const SOURCES = 24u;
const DELAYED = 25u;
const TRACES_OF_RATES = 26u;
const TRACES_OF_DERIVATIVES = 27u;
const SYNAPSES = 28u;
const TIME_CONSTANTS = 29u;
const BLOCKS = 30u;
/// Of all levels and sources.
const NEURONS = 31u;

@group(2) @binding(0) var<uniform> populations: array<Recorded, MOST_POPULATIONS>;
@group(2) @binding(1) var<uniform> projections: array<Projection, MOST_PROJECTIONS>;
@group(2) @binding(2) var<uniform> traced: array<Trace, MOST_TRACES>;
@group(2) @binding(3) var<uniform> tiles: array<Tile, MOST_TILES>;
@group(2) @binding(4) var<uniform> ranges: array<vec4u, 32>;
/// How often: steps, or windows.
@group(2) @binding(5) var<uniform> times: vec4u;

/// The tiles of a part.
fn part(row: u32) -> vec2u {
  let range = ranges[row];
  return vec2u(range.x, range.x + range.y);
}

fn load_all(step: u32, row: u32, starts_segment: bool, local: u32) {
  let all = part(NEURONS);
  if (all.x < all.y) {
    var i = all.x;
    loop {
      load_tile(tiles[i], step, row, starts_segment, local);
      continuing {
        i++;
        break if i == all.y;
      }
    }
  }
}

/// Of a sweep, which has sources apart from its levels.
fn finish_sources(step: u32, local: u32) {
  let own = part(SOURCES);
  if (TRACES != 0u) {
    if (own.x < own.y) {
      var i = own.x;
      loop {
        finish_source_tile(tiles[i], step, local);
        continuing {
          i++;
          break if i == own.y;
        }
      }
    }
  }
}

fn finish_part(row_of_part: u32, step: u32, row: u32, local: u32) {
  let own = part(row_of_part);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      finish_tile(tiles[i], step, row, local);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
}

fn begin_part(level: u32, step: u32, is_kept: bool, local: u32) {
  let own = part(level);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      begin_tile(tiles[i], step, is_kept, local);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
}

fn multiply_up(level: u32, local: u32) {
  let own = part(MOST_LEVELS + level);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      multiply_way(tiles[i], true, local);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
}

fn multiply_down(row: u32, local: u32) {
  let own = part(row);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      multiply_way(tiles[i], false, local);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
}

fn pass_once(local: u32) {
  let rates = learning_rates();
  let own = part(MOST_LEVELS);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      let tile = placed(tiles[i]);
      let projection = projection_of(tile.block);
      visit_weights(tile, projection, local, rates);
      visit_biases(tile, projection, local, rates);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
}

fn trace_part(row: u32, step: u32, local: u32) {
  let own = part(row);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      trace_tile(tiles[i], step, local);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
}

fn learn_synapses(local: u32) {
  let own = part(SYNAPSES);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      learn_tile(tiles[i], local);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
}

fn learn_time_constants(local: u32) {
  let own = part(TIME_CONSTANTS);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      learn_tau_tile(tiles[i], local);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
}

/// Numbers the update in progress, for Adam.
fn count_update(local: u32) {
  if (UPDATES && local == 0u) {
    clock[replica].updates += 1u;
    clock[replica].update = clock[replica].updates;
  }
}

/// Rates up through the levels.
fn rise(step: u32, row: u32, local: u32) {
  for (var level = 0u; level < LEVELS; level++) {
    multiply_up(level, local);
    settle();
    finish_part(level, step, row, local);
    settle();
  }
}

/// One step of jacobi.
fn step_jacobi(step: u32, local: u32) {
  load_all(step, 0u, false, local);
  begin_part(0u, step, true, local);
  settle();
  if (IS_ONE_PASS) {
    pass_once(local);
  } else {
    multiply_up(0u, local);
    multiply_down(2u * MOST_LEVELS, local);
  }
  if (IS_TRACED) {
    trace_part(TRACES_OF_RATES, step, local);
  }
  settle();
  if (UPDATES && LEARNS_SYNAPSES && !IS_ONE_PASS) {
    learn_synapses(local);
    settle();
  }
  finish_part(0u, step, 0u, local);
  settle();
  if (IS_TRACED && LEARNS_TAU) {
    trace_part(TRACES_OF_DERIVATIVES, step, local);
    settle();
  }
  if (UPDATES && LEARNS_TAU) {
    learn_time_constants(local);
    settle();
  }
}

/// One step of a sweep.
fn step_sweep(step: u32, local: u32) {
  load_all(step, 0u, false, local);
  settle();
  rise(step, 0u, local);
  for (var i = LEVELS; i > 0u; i--) {
    begin_part(i - 1u, step, false, local);
    settle();
    multiply_down(2u * MOST_LEVELS + i - 1u, local);
    settle();
  }
  multiply_down(DELAYED, local);
  finish_sources(step, local);
  if (IS_TRACED) {
    trace_part(TRACES_OF_RATES, step, local);
    trace_part(TRACES_OF_DERIVATIVES, step, local);
  }
  settle();
  if (UPDATES && LEARNS_SYNAPSES) {
    learn_synapses(local);
  }
  if (UPDATES && LEARNS_TAU) {
    learn_time_constants(local);
  }
  settle();
}

/// One step forward without errors, kept where a window wants it.
fn step_free(step: u32, row: u32, local: u32) {
  load_all(step, row, row == 0u, local);
  if (!IS_SWEEP) {
    begin_part(0u, step, true, local);
  }
  settle();
  rise(step, row, local);
  if (IS_SWEEP) {
    for (var level = 0u; level < LEVELS; level++) {
      begin_part(level, step, false, local);
    }
  }
  finish_sources(step, local);
  settle();
}

/// What the way back sums up starts at 0, and so does what comes from after the window.
fn turn(local: u32) {
  let states = replica * STATE_STRIDE;
  for (var k = states + local; k < states + params.field; k += WIDTH) {
    state[LOW_PASSED * params.field + k] = vec4f();
    if (HAS_DERIVATIVES) {
      state[TAU_SUMS * params.field + k] = vec4f();
      state[(TAU_SUMS + 1u) * params.field + k] = vec4f();
    }
  }
  let sums = replica * SUM_STRIDE;
  for (var k = local; k < SUMS; k += WIDTH) {
    partial_sums[sums + k] = vec4f();
  }
  settle();
}

fn step_back_all(step: u32, row: u32, local: u32) {
  for (var i = LEVELS; i > 0u; i--) {
    let own = part(i - 1u);
    if (own.x < own.y) {
      var k = own.x;
      loop {
        reverse_tile(tiles[k], step, row, row, local);
        continuing {
          k++;
          break if k == own.y;
        }
      }
    }
    settle();
    multiply_down(2u * MOST_LEVELS + i - 1u, local);
    settle();
  }
  multiply_down(DELAYED, local);
  settle();
}

/// The rates at the end of the window, which the way back has overwritten.
fn restore_rates(local: u32) {
  for (var level = 0u; level < LEVELS; level++) {
    let own = part(level);
    if (own.x < own.y) {
      var i = own.x;
      loop {
        let p = population_of(tiles[i].block);
        let all = only_if(p.is_source == 0u, range_of(tiles[i], p.row, local));
        for (var quad = all.first; quad < all.end; quad += all.stride) {
          let last = p.trajectory + params.window * params.batch * p.row;
          state[RATE * params.field + p.first + quad] = record[last + quad];
        }
        continuing {
          i++;
          break if i == own.y;
        }
      }
    }
  }
}

fn window_of(first: u32, local: u32) {
  count_update(local);
  for (var row = 0u; row < params.window; row++) {
    step_free(first + row, row, local);
  }
  turn(local);
  for (var row = params.window; row > 0u; row--) {
    step_back_all(first + row - 1u, row - 1u, local);
  }
  let own = part(SYNAPSES);
  if (own.x < own.y) {
    var i = own.x;
    loop {
      sum_tile(tiles[i], local);
      continuing {
        i++;
        break if i == own.y;
      }
    }
  }
  restore_rates(local);
  settle();
  let blocks = part(BLOCKS);
  if (blocks.x < blocks.y) {
    var i = blocks.x;
    loop {
      apply_tile(tiles[i], local);
      continuing {
        i++;
        break if i == blocks.y;
      }
    }
  }
  settle();
}

/// Steps, or windows, of this network, as many as `times` says.
fn run_steps(local: u32) {
  let first = clock[replica].step;
  settle();
  var i = 0u;
  loop {
    if (IS_ADJOINT && UPDATES) {
      window_of(first + i * params.window, local);
    } else if (IS_ADJOINT || ERRORS == 0u) {
      step_free(first + i, 0u, local);
    } else {
      count_update(local);
      if (IS_SWEEP) {
        step_sweep(first + i, local);
      } else {
        step_jacobi(first + i, local);
      }
    }
    continuing {
      i++;
      break if i == times.x;
    }
  }
  if (local == 0u) {
    clock[replica].step = first + times.x * select(1u, params.window, IS_ADJOINT && UPDATES);
  }
}
