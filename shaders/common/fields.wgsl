// Fields of the state: [batch][neurons] of every population, each params.field quads long.
// Provides: the fields, TOP_DOWN, DERIVATIVE, IS_ALIGNED.

/// Those that there always are.
const ERROR = 0u;
const LOW_PASSED = 1u;
const POTENTIAL = 2u;
const SLOPE = 3u;
const RATE = 4u;

/// Those that are kept only where something needs them; 0 where nothing does.
override TOP_DOWN: u32 = 0u;
override DERIVATIVE: u32 = 0u;
/// Whether slopes and rates wait until the error that they belong to is there.
override IS_ALIGNED: bool = false;
