// What the kernels that pass once over the weights share (shaders/synapses.wgsl).
// Provides: ADVANCE, count_step. Uses: params, replicas, one-pass-flags.

/// Whether it counts the step: of several shards of the weights, one does.
override ADVANCE: bool = true;

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
