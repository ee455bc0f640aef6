// What is done in one pass over the weights (shaders/synapses.wgsl).
// Provides: LEARN, FEEDBACK, SHARED, placed. Uses: replicas, grid.

override LEARN: bool = true;
/// Whether any projection returns feedback.
override FEEDBACK: bool = true;
/// Whether the invocations of a workgroup add up their currents before they write them. It saves
/// traffic, but the barrier slows an adapter that runs on a CPU several times.
override SHARED: bool = true;

/// A tile with the places of this network.
fn placed(tile: Tile) -> Tile {
  var own_tile = tile;
  if (REPLICAS != 1u) {
    own_tile.current = own(tile.current, SUM_STRIDE);
    own_tile.feedback = own(tile.feedback, SUM_STRIDE);
    own_tile.flags = own(tile.flags, SUM_STRIDE);
  }
  return own_tile;
}
