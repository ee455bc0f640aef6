// `network` with all that a network changes in the memory of its workgroup: fetched at the start of
// a dispatch, brought back at its end, so that steps wait for no other memory. Tables, frames and
// records stay where they are. Places are those of a lone network, whichever it is.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, activation, fields, population, neuron, reversal, projections,
// product-tiles, products, optimizer, learning, one-pass-flags, columns, tracing, time-constants,
// summing, applying, whole-network.

/// Quads of the state of a network, of its running costs behind it, of its parameters, and of the
/// moments that are kept.
override STATES: u32 = 1u;
override RUNNING_COSTS: u32 = 0u;
override PARAMETERS: u32 = 1u;
override FIRST_MOMENTS: u32 = 0u;
override SECOND_MOMENTS: u32 = 0u;
/// Place of the running costs of the first network in the stored state.
override STORED_COSTS: u32 = 0u;

@group(1) @binding(0) var<storage, read_write> stored_state: array<vec4f>;
@group(1) @binding(1) var<storage, read_write> stored_sums: array<vec4f>;
@group(1) @binding(2) var<storage, read_write> record: array<vec4f>;
@group(1) @binding(3) var<storage, read> frames: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> stored_parameters: array<vec4f>;
@group(1) @binding(5) var<storage, read_write> stored_first_moment: array<vec4f>;
@group(1) @binding(6) var<storage, read_write> stored_second_moment: array<vec4f>;

var<workgroup> state: array<vec4f, STATES + RUNNING_COSTS>;
var<workgroup> partial_sums: array<vec4f, max(SUMS, 1u)>;
var<workgroup> parameters: array<vec4f, PARAMETERS>;
var<workgroup> first_moment: array<vec4f, max(FIRST_MOMENTS, 1u)>;
var<workgroup> second_moment: array<vec4f, max(SECOND_MOMENTS, 1u)>;

/// Ends a part.
fn settle() {
  if (WIDTH > 1u) {
    workgroupBarrier();
    // The clock counts updates for all.
    storageBarrier();
  }
}

fn fetch(local: u32) {
  let states = replica * STATES;
  for (var k = local; k < STATES; k += WIDTH) {
    state[k] = stored_state[states + k];
  }
  let costs = STORED_COSTS + replica * RUNNING_COSTS;
  for (var k = local; k < RUNNING_COSTS; k += WIDTH) {
    state[STATES + k] = stored_state[costs + k];
  }
  let sums = replica * SUMS;
  for (var k = local; k < SUMS; k += WIDTH) {
    partial_sums[k] = stored_sums[sums + k];
  }
  let own = replica * PARAMETERS;
  for (var k = local; k < PARAMETERS; k += WIDTH) {
    parameters[k] = stored_parameters[own + k];
  }
  for (var k = local; k < FIRST_MOMENTS; k += WIDTH) {
    first_moment[k] = stored_first_moment[own + k];
  }
  for (var k = local; k < SECOND_MOMENTS; k += WIDTH) {
    second_moment[k] = stored_second_moment[own + k];
  }
}

fn bring_back(local: u32) {
  let states = replica * STATES;
  for (var k = local; k < STATES; k += WIDTH) {
    stored_state[states + k] = state[k];
  }
  let costs = STORED_COSTS + replica * RUNNING_COSTS;
  for (var k = local; k < RUNNING_COSTS; k += WIDTH) {
    stored_state[costs + k] = state[STATES + k];
  }
  let sums = replica * SUMS;
  for (var k = local; k < SUMS; k += WIDTH) {
    stored_sums[sums + k] = partial_sums[k];
  }
  if (!UPDATES) {
    return;
  }
  let own = replica * PARAMETERS;
  for (var k = local; k < PARAMETERS; k += WIDTH) {
    stored_parameters[own + k] = parameters[k];
  }
  for (var k = local; k < FIRST_MOMENTS; k += WIDTH) {
    stored_first_moment[own + k] = first_moment[k];
  }
  for (var k = local; k < SECOND_MOMENTS; k += WIDTH) {
    stored_second_moment[own + k] = second_moment[k];
  }
}

@compute @workgroup_size(WIDTH, 1, 1)
fn network_local(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  take_replica(group);
  fetch(local);
  settle();
  run_steps(local);
  settle();
  bring_back(local);
}
