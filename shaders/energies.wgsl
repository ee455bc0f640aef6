// Energies of the whole network in a step, for each batch row: mismatch, half the sum of e^2; cost;
// their sum; dt times that, summed up; and sum of du/dt (tau_m e - tau_r alpha), less the cost.
//
// One invocation does four batch rows.
// Source of the equations: docs/theory.md, "Energy". Twin: src/reference. Uses: params, replicas,
// grid, fields, population.

override POPULATIONS: u32 = 1u;
/// Whether there are errors; without them e and alpha are 0.
override HAS_ERRORS: bool = true;
/// Place of the action in the state, and of each energy in the record; NONE where there is none.
override ACTION: u32 = 0u;
override MISMATCH_TRACE: u32 = 0xffffffffu;
override COST_TRACE: u32 = 0xffffffffu;
override ENERGY_TRACE: u32 = 0xffffffffu;
override ACTION_TRACE: u32 = 0xffffffffu;
override CONSERVED_TRACE: u32 = 0xffffffffu;

@group(1) @binding(0) var<storage, read> populations: array<Recorded>;
@group(1) @binding(1) var<storage, read> parameters: array<vec4f>;
@group(1) @binding(2) var<storage, read_write> state: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> record: array<vec4f>;

struct Energies {
  mismatch: f32,
  cost: f32,
  conserved: f32,
}

fn energies_of(p: Population, lane: u32) -> Energies {
  var sums = Energies();
  for (var quad = 0u; quad < p.row; quad++) {
    let k = p.first + lane * p.row + quad;
    if (HAS_ERRORS) {
      let e = state[ERROR * params.field + k];
      let alpha = state[TOP_DOWN * params.field + k];
      let momentum = parameters[p.tau_m + quad] * e - parameters[p.tau_r + quad] * alpha;
      sums.mismatch += 0.5 * dot(e, e);
      sums.conserved += dot(state[DERIVATIVE * params.field + k], momentum);
    }
    if (p.cost != 0u && (KEEPS_TARGET || params.target_frames != 0u)) {
      sums.cost += dot(state[p.cost_sum + STEP_COSTS + lane * p.row + quad], vec4f(1.0));
    }
  }
  return sums;
}

fn put(place: u32, at: u32, value: vec4f) {
  if (place != NONE) {
    record[place + at] = value;
  }
}

/// The clock counts the step after.
@compute @workgroup_size(WIDTH, 1, 1)
fn energies(
  @builtin(workgroup_id) group: vec3u,
  @builtin(global_invocation_id) id: vec3u,
) {
  take_replica(group);
  let rows = (params.batch + 3u) / 4u;
  if (id.x >= rows) {
    return;
  }
  var mismatch = vec4f();
  var cost = vec4f();
  var conserved = vec4f();
  for (var i = 0u; i < min(4u, params.batch - id.x * 4u); i++) {
    for (var index = 0u; index < POPULATIONS; index++) {
      let sums = energies_of(population_of(index), id.x * 4u + i);
      mismatch[i] += sums.mismatch;
      cost[i] += sums.cost;
      conserved[i] += sums.conserved;
    }
  }
  let energy = mismatch + cost;
  let place = own(ACTION, STATE_STRIDE) + id.x;
  let action = state[place] + params.dt * energy;
  state[place] = action;
  let at = traced_row(clock[replica].step - 1u) * rows + id.x;
  put(MISMATCH_TRACE, at, mismatch);
  put(COST_TRACE, at, cost);
  put(ENERGY_TRACE, at, energy);
  put(ACTION_TRACE, at, action);
  put(CONSERVED_TRACE, at, conserved - cost);
}
