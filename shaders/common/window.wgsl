// A window of adjoint errors.
// Provides: SEGMENT, GRADIENT.

/// Steps of a segment of the trajectory.
override SEGMENT: u32 = 1u;
/// Place of the gradients behind the first moments.
override GRADIENT: u32 = 0u;
