// What the kernels that pass once over the weights share (shaders/synapses.wgsl).
// Provides: LEARN, ADVANCE, FEEDBACK, SHARED, tile_of, count_step. Uses: params, replicas, grid,
// and the binding tiles.

override LEARN: bool = true;
/// Whether it counts the step: of several shards of the weights, one does.
override ADVANCE: bool = true;
/// Whether any projection returns feedback.
override FEEDBACK: bool = true;
/// Whether the invocations of a workgroup add up their currents before they write them. It saves
/// traffic, but the barrier slows an adapter that runs on a CPU several times.
override SHARED: bool = true;

/// A tile with the places of this network.
fn tile_of(index: u32) -> Tile {
  var tile = tiles[index];
  if (REPLICAS != 1u) {
    tile.current = own(tile.current, SUM_STRIDE);
    tile.feedback = own(tile.feedback, SUM_STRIDE);
    tile.flags = own(tile.flags, SUM_STRIDE);
  }
  return tile;
}

/// One invocation of all counts.
fn count_step(index: u32, local: u32) {
  if (index == 0u && local == 0u) {
    clock[replica].step += select(0u, 1u, ADVANCE);
    if (LEARN) {
      clock[replica].updates = clock[replica].update;
    }
    if (DEFERRED != 1u) {
      let pair = clock[replica].pair;
      clock[replica].lacking = select(0u, pair, LEARN);
      clock[replica].next_pair = select(0u, (pair + 1u) % DEFERRED, LEARN);
    }
  }
}
