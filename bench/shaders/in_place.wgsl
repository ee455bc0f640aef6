// Multiplies quads in place: the traffic of a step that reads every weight once and writes it once.
// The factor is a uniform of 1, so that the weights stay and no compiler can leave the work out.
override WIDTH = 64u;

@group(0) @binding(0) var<uniform> factor: vec4f;
@group(0) @binding(1) var<storage, read_write> weights: array<vec4f>;

@compute @workgroup_size(WIDTH, 1, 1)
fn in_place(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = groups.x * WIDTH;
  for (var i = id.x; i < arrayLength(&weights); i += stride) {
    weights[i] *= factor;
  }
}
