// The start of group 1 of the kernels that go through the synapses.
// Provides: projections, tiles, state.

@group(1) @binding(0) var<storage, read> projections: array<Projection>;
@group(1) @binding(1) var<storage, read> tiles: array<Tile>;
@group(1) @binding(2) var<storage, read> state: array<vec4f>;
