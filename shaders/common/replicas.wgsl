// Networks of equal shape side by side, each with states, parameters and a clock of its own; frames
// and tables are common. The places in the tables are those of the first network, and what belongs
// to another stands whole strides behind. The third coordinate of a workgroup is its network.
// Provides: NONE, REPLICAS, the strides, replica, take_replica, own.

/// A place that stands for "there is none".
const NONE = 0xffffffffu;

/// Networks; of one the strides are 0 and nothing of this is compiled.
override REPLICAS: u32 = 1u;
/// Quads from a network to the next: of states; of running costs, which stand behind all states;
/// of parameters and moments; of partial sums; of what a window keeps in the record.
override STATE_STRIDE: u32 = 0u;
override COST_STRIDE: u32 = 0u;
override PARAMETER_STRIDE: u32 = 0u;
override SUM_STRIDE: u32 = 0u;
override WINDOW_STRIDE: u32 = 0u;

/// The network that the workgroup belongs to.
var<private> replica: u32;

/// What every kernel starts with.
fn take_replica(group: vec3u) {
  if (REPLICAS != 1u) {
    replica = group.z;
  }
}

/// The place of this network from that of the first.
fn own(place: u32, stride: u32) -> u32 {
  return select(place + replica * stride, place, place == NONE);
}
