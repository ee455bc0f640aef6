// Counts: the least that a dispatch can do while the next one has to wait for it.
@group(0) @binding(0) var<storage, read_write> count: array<u32>;

@compute @workgroup_size(1, 1, 1)
fn tick() {
  count[0] += 1u;
}
