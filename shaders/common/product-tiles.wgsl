// Tiles of the products with the weights of a batch (shaders/propagate.wgsl). The kernel, or
// another snippet, has `multiply`, which does the item of a tile.
// Provides: multiply_tile, multiply_way. Uses: grid, projections, product-flags.

/// For tiles that are known to go one way: the other is not compiled then.
fn multiply_way(tile: Tile, is_forward: bool, local: u32) {
  let projection = projection_of(tile.block);
  let items = select(tile.columns, tile.rows, is_forward);
  let first = select(tile.column, tile.row, is_forward);
  if (local < items) {
    var item = local;
    loop {
      multiply(tile, projection, is_forward, first + item);
      continuing {
        item += WIDTH;
        break if item >= items;
      }
    }
  }
}

fn multiply_tile(tile: Tile, local: u32) {
  multiply_way(tile, (tile.flags & FORWARD) != 0u, local);
}
