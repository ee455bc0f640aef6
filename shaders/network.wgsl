// A whole small network in one workgroup, many steps in one dispatch, with a barrier between two
// parts that depend on each other; on one invocation there is none. Several networks of equal shape
// may share a workgroup, as they always do the same.
// Source of the equations: docs/theory.md, "The step". Twin: src/reference. Uses: params,
// replicas, grid, activation, fields, population, neuron, reversal, projections,
// product-tiles, products, optimizer, learning, one-pass-flags, columns, tracing, time-constants,
// summing, applying, whole-network.

/// Networks of a workgroup; WIDTH invocations do one.
override LANES: u32 = 1u;
/// WIDTH times LANES.
override INVOCATIONS: u32 = 64u;

@group(1) @binding(0) var<storage, read_write> state: array<vec4f>;
@group(1) @binding(1) var<storage, read_write> partial_sums: array<vec4f>;
@group(1) @binding(2) var<storage, read_write> record: array<vec4f>;
@group(1) @binding(3) var<storage, read> frames: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> parameters: array<vec4f>;
@group(1) @binding(5) var<storage, read_write> first_moment: array<vec4f>;
@group(1) @binding(6) var<storage, read_write> second_moment: array<vec4f>;

/// Ends a part.
fn settle() {
  if (WIDTH > 1u) {
    storageBarrier();
  }
}

@compute @workgroup_size(INVOCATIONS, 1, 1)
fn network(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) invocation: u32,
) {
  take_replica(group);
  var local = invocation;
  if (LANES > 1u) {
    replica = group.z * LANES + invocation / WIDTH;
    local = invocation % WIDTH;
  }
  run_steps(local);
}
