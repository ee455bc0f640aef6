// Philox 4x32-10 (Salmon et al., SC 2011): counter-based, so a value depends on its place alone.
// Provides: philox.

struct WideProduct {
  high: u32,
  low: u32,
}

fn multiply_wide(a: u32, b: u32) -> WideProduct {
  let a_low = a & 0xffffu;
  let a_high = a >> 16u;
  let b_low = b & 0xffffu;
  let b_high = b >> 16u;
  let cross = a_high * b_low + ((a_low * b_low) >> 16u);
  let carry = a_low * b_high + (cross & 0xffffu);
  return WideProduct(a_high * b_high + (cross >> 16u) + (carry >> 16u), a * b);
}

fn philox(start: vec4u, start_key: vec2u) -> vec4u {
  var counter = start;
  var key = start_key;
  for (var round = 0u; round < 10u; round++) {
    let p = multiply_wide(0xd2511f53u, counter.x);
    let q = multiply_wide(0xcd9e8d57u, counter.z);
    counter = vec4u(q.high ^ counter.y ^ key.x, q.low, p.high ^ counter.w ^ key.y, p.low);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return counter;
}
