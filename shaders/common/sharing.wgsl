// Sixteen quads that all invocations of a workgroup need, each loaded by one invocation of a
// subgroup and broadcast to the others. An adapter that runs on a CPU pays for every quad that an
// invocation loads, even where all load the same one.
// Provides: SHARERS, Shared, numbers_of, group_a, group_b, group_c, group_d. Uses: grid.

/// Invocations that load for each other, 4 or 8; no subgroup may be smaller.
override SHARERS: u32 = 4u;

/// What an invocation has loaded of the sixteen: the quads with the numbers of its parts, of which
/// there are 16 / SHARERS.
struct Shared {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

fn numbers_of(invocation: u32) -> vec4u {
  return SHARERS * QUAD + invocation % SHARERS;
}

fn low(x: vec4f) -> mat4x4f {
  return mat4x4f(
    subgroupBroadcast(x, 0u),
    subgroupBroadcast(x, 1u),
    subgroupBroadcast(x, 2u),
    subgroupBroadcast(x, 3u),
  );
}

fn high(x: vec4f) -> mat4x4f {
  return mat4x4f(
    subgroupBroadcast(x, 4u),
    subgroupBroadcast(x, 5u),
    subgroupBroadcast(x, 6u),
    subgroupBroadcast(x, 7u),
  );
}

/// Numbers 0 to 3.
fn group_a(x: Shared) -> mat4x4f {
  return low(x.a);
}

/// Numbers 4 to 7.
fn group_b(x: Shared) -> mat4x4f {
  if (SHARERS > 4u) {
    return high(x.a);
  }
  return low(x.b);
}

/// Numbers 8 to 11.
fn group_c(x: Shared) -> mat4x4f {
  if (SHARERS > 4u) {
    return low(x.b);
  }
  return low(x.c);
}

/// Numbers 12 to 15.
fn group_d(x: Shared) -> mat4x4f {
  if (SHARERS > 4u) {
    return high(x.b);
  }
  return low(x.d);
}
