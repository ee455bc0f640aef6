// Work is cut into tiles, one workgroup each; a grid with more than 65,535 workgroups is folded
// into rows. Rows of neurons are padded to whole quads (vec4), and every place in a buffer is
// counted in quads.
// Provides: WIDTH, BATCH, Tile, tile_index, QUAD.

/// Invocations of a workgroup.
override WIDTH: u32 = 64u;
/// Batch rows ("lanes").
override BATCH: u32 = 1u;

/// The components of a quad.
const QUAD = vec4u(0u, 1u, 2u, 3u);

/// What one workgroup does; each kernel says how it reads the fields.
struct Tile {
  block: u32,
  row: u32,
  rows: u32,
  column: u32,
  columns: u32,
  current: u32,
  feedback: u32,
  flags: u32,
}

fn tile_index(group: vec3u, groups: vec3u) -> u32 {
  return group.y * groups.x + group.x;
}
