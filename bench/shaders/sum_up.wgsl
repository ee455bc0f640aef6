// Adds up quads, each invocation its own: what memory gives for reading alone.
override WIDTH = 64u;

@group(0) @binding(0) var<storage, read> weights: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(WIDTH, 1, 1)
fn sum_up(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = groups.x * WIDTH;
  var sum = vec4f();
  for (var i = id.x; i < arrayLength(&weights); i += stride) {
    sum += weights[i];
  }
  sums[id.x] = sum;
}
