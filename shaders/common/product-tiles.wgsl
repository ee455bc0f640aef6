// Tiles of the products with the weights of a batch (shaders/propagate.wgsl). The kernel, or
// another snippet, has `multiply`, which does the item of a tile.
// Provides: FORWARD, WITH_BIAS, multiply_tile. Uses: grid, projections.

/// Tile flags.
const FORWARD = 1u;
const WITH_BIAS = 2u;

fn multiply_tile(tile: Tile, local: u32) {
  let projection = projection_of(tile.block);
  let is_forward = (tile.flags & FORWARD) != 0u;
  let items = select(tile.columns, tile.rows, is_forward);
  let first = select(tile.column, tile.row, is_forward);
  for (var item = local; item < items; item += WIDTH) {
    multiply(tile, projection, is_forward, first + item);
  }
}
