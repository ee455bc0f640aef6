// Eight chains of multiply-adds an invocation, none waiting for another: the rate of arithmetic.
override WIDTH = 64u;
// Multiply-adds of a chain.
override ROUNDS = 512u;
// Whether they are written as fma(), which some software adapters call out of line.
override BUILT_IN = true;

@group(0) @binding(0) var<uniform> factors: vec4f;
@group(0) @binding(1) var<storage, read_write> results: array<f32>;

fn multiply_add_once(x: f32) -> f32 {
  if (BUILT_IN) {
    return fma(x, factors.x, factors.y);
  }
  return x * factors.x + factors.y;
}

@compute @workgroup_size(WIDTH, 1, 1)
fn multiply_add(@builtin(global_invocation_id) id: vec3u) {
  let x = f32(id.x);
  var a = x;
  var b = x + 1;
  var c = x + 2;
  var d = x + 3;
  var e = x + 4;
  var f = x + 5;
  var g = x + 6;
  var h = x + 7;
  for (var i = 0u; i < ROUNDS; i++) {
    a = multiply_add_once(a);
    b = multiply_add_once(b);
    c = multiply_add_once(c);
    d = multiply_add_once(d);
    e = multiply_add_once(e);
    f = multiply_add_once(f);
    g = multiply_add_once(g);
    h = multiply_add_once(h);
  }
  results[id.x] = a + b + c + d + e + f + g + h;
}
