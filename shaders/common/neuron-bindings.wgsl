// Group 1 of the kernels that go through the neurons.
// Provides: populations, tiles, parameters, partial_sums, frames, state, record.

@group(1) @binding(0) var<storage, read> populations: array<Recorded>;
@group(1) @binding(1) var<storage, read> tiles: array<Tile>;
@group(1) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(1) @binding(3) var<storage, read> partial_sums: array<vec4f>;
@group(1) @binding(4) var<storage, read> frames: array<vec4f>;
@group(1) @binding(5) var<storage, read_write> state: array<vec4f>;
@group(1) @binding(6) var<storage, read_write> record: array<vec4f>;
