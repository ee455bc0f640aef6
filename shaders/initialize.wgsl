// Fills the parameters once, at creation: uniform in +-bound, or one value. Twin: src/random.ts.
// Every workgroup strides over every block; one invocation takes four neighbouring values from
// one Philox call. Uses: random, replicas.

struct Block {
  /// Place, in quads; values; values in a row, which is padded to whole quads.
  first: u32,
  count: u32,
  columns: u32,
  stream: u32,
  /// 0: constant `value`, 1: uniform in +-value.
  kind: u32,
  value: f32,
  /// Quads of values of the stream before it: a W that is cut goes on where it was cut.
  start: u32,
  unused: u32,
}

const WIDTH = 64u;

@group(0) @binding(0) var<storage, read> blocks: array<Block>;
@group(0) @binding(1) var<storage, read_write> parameters: array<f32>;
/// Eight words for each network, the seed last.
@group(0) @binding(2) var<storage, read> clock: array<vec4u>;

fn value_of(block: Block, word: u32) -> f32 {
  if (block.kind == 0u) {
    return block.value;
  }
  // 24 bits, so that 2f - 1 is exact and the product is rounded once.
  return (f32(word >> 8u) * (1.0 / 8388608.0) - 1.0) * block.value;
}

@compute @workgroup_size(WIDTH, 1, 1)
fn initialize(
  @builtin(workgroup_id) group: vec3u,
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  take_replica(group);
  let seed = clock[3u * replica + 1u].zw;
  for (var index = 0u; index < arrayLength(&blocks); index++) {
    let block = blocks[index];
    let first = own(block.first, PARAMETER_STRIDE) * 4u;
    for (var quad = id.x; quad < (block.count + 3u) / 4u; quad += groups.x * WIDTH) {
      let words = philox(vec4u(block.start + quad, 0u, block.stream, 0u), seed);
      for (var k = 0u; k < min(4u, block.count - quad * 4u); k++) {
        let index = quad * 4u + k;
        let row = first + index / block.columns * ((block.columns + 3u) / 4u * 4u);
        parameters[row + index % block.columns] = value_of(block, words[k]);
      }
    }
  }
}
