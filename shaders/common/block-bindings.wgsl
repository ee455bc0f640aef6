// Group 1 of the kernels that update parameters from values of neurons.
// Provides: tiles, state, parameters, first_moment, second_moment.

@group(1) @binding(0) var<storage, read> tiles: array<Tile>;
@group(1) @binding(1) var<storage, read> state: array<vec4f>;
@group(1) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(1) @binding(3) var<storage, read_write> first_moment: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> second_moment: array<vec4f>;
