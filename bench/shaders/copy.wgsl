// Copies quads, in a grid-stride loop: what memory gives at best for one read and one write.
override WIDTH = 64u;

@group(0) @binding(0) var<storage, read> origin: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> copied: array<vec4f>;

@compute @workgroup_size(WIDTH, 1, 1)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = groups.x * WIDTH;
  for (var i = id.x; i < arrayLength(&copied); i += stride) {
    copied[i] = origin[i];
  }
}
