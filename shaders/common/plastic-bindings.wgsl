// The next of group 1 of the kernels that change parameters.
// Provides: parameters, first_moment, second_moment.

@group(1) @binding(3) var<storage, read_write> parameters: array<vec4f>;
@group(1) @binding(4) var<storage, read_write> first_moment: array<vec4f>;
@group(1) @binding(5) var<storage, read_write> second_moment: array<vec4f>;
