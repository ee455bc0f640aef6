// Activation functions phi and their slopes phi', safe over the whole range of f32, for a quad of
// neurons.
// Provides: ACTIVATIONS, Activated, activate, tanh_safe, sigmoid_safe, softplus_safe.
//
// The built-in tanh is NaN beyond 88 on some drivers and has no correct digit near 0; exp
// overflows beyond 88.

/// Which of the functions the network has, a bit each: the others are not compiled, for an
/// adapter that runs on a CPU may execute every side of a branch.
override ACTIVATIONS: u32 = 63u;

const TANH = 2u;
const SIGMOID = 4u;
const HARD_SIGMOID = 8u;
const RELU = 16u;
const SOFTPLUS = 32u;

struct Activated {
  rate: vec4f,
  slope: vec4f,
}

fn tanh_safe(x: vec4f) -> vec4f {
  let x2 = x * x;
  let tail = x2 * (2.0 / 15.0 + x2 * (-17.0 / 315.0 + x2 * (62.0 / 2835.0)));
  let series = x * (1.0 + x2 * (-1.0 / 3.0 + tail));
  let decay = exp(-2.0 * min(abs(x), vec4f(20.0)));
  return select(sign(x) * (1.0 - decay) / (1.0 + decay), series, x2 < vec4f(0.0625));
}

/// 1 - tanh^2 loses its digits where tanh is near 1; this is the same, as 1 / cosh^2.
fn tanh_slope(x: vec4f) -> vec4f {
  let decay = exp(-2.0 * min(abs(x), vec4f(20.0)));
  let half_cosh = 1.0 + decay;
  return 4.0 * decay / (half_cosh * half_cosh);
}

fn sigmoid_safe(x: vec4f) -> vec4f {
  return 1.0 / (1.0 + exp(-clamp(x, vec4f(-80.0), vec4f(80.0))));
}

/// log(1 + y) for 0 <= y <= 1; the sum 1 + y alone would drop the digits of a small y.
fn log_one_plus(y: vec4f) -> vec4f {
  let series = y * (1.0 - y * (0.5 - y * (1.0 / 3.0 - y * (0.25 - y * 0.2))));
  return select(log(1.0 + y), series, y < vec4f(0.03125));
}

fn softplus_safe(x: vec4f) -> vec4f {
  return max(x, vec4f()) + log_one_plus(exp(-min(abs(x), vec4f(80.0))));
}

/// `kind` is one of the bits.
fn activate(kind: u32, x: vec4f) -> Activated {
  let zero = vec4f();
  let one = vec4f(1.0);
  var result = Activated(x, one);
  if ((ACTIVATIONS & TANH) != 0u && kind == TANH) {
    result = Activated(tanh_safe(x), tanh_slope(x));
  }
  if ((ACTIVATIONS & SIGMOID) != 0u && kind == SIGMOID) {
    let y = sigmoid_safe(x);
    result = Activated(y, y * (1.0 - y));
  }
  if ((ACTIVATIONS & HARD_SIGMOID) != 0u && kind == HARD_SIGMOID) {
    result = Activated(clamp(x, zero, one), select(zero, one, (x > zero) & (x < one)));
  }
  if ((ACTIVATIONS & RELU) != 0u && kind == RELU) {
    result = Activated(max(x, zero), select(zero, one, x > zero));
  }
  if ((ACTIVATIONS & SOFTPLUS) != 0u && kind == SOFTPLUS) {
    result = Activated(softplus_safe(x), sigmoid_safe(x));
  }
  return result;
}
