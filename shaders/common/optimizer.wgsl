// One optimiser step for a quad of parameters.
// Provides: OPTIMIZER, Rates, learning_rates, descend, ascend. Uses: params, replicas, and the
// bindings parameters, first_moment, second_moment.

const SGD = 0u;
const MOMENTUM = 1u;
const ADAM = 2u;

/// SGD, MOMENTUM, ADAM; anything else sums the gradient into the first moment and leaves the
/// parameters alone.
override OPTIMIZER: u32 = 0u;

/// What an update needs besides its gradient, loaded once for all parameters of an invocation.
struct Rates {
  eta: f32,
  beta1: f32,
  beta2: f32,
  complement1: f32,
  complement2: f32,
  epsilon: f32,
  /// 1 / sqrt(1 - beta2^t); 1 where there is no second moment.
  scale: f32,
}

/// 1 - beta^t from log(beta): near t = 0 the difference would cancel, so a series takes over.
fn correction(log_beta: f32, t: f32) -> f32 {
  let x = log_beta * t;
  if (x > -0.125) {
    let tail = x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0)));
    return -x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + tail)));
  }
  return 1.0 - exp(max(x, -80.0));
}

fn learning_rates() -> Rates {
  var rates = Rates(
    params.eta * clock[replica].eta_scale,
    params.beta1,
    params.beta2,
    params.complement1,
    params.complement2,
    params.epsilon,
    1.0,
  );
  if (OPTIMIZER == ADAM) {
    let t = f32(clock[replica].update);
    rates.eta /= correction(params.log_beta1, t);
    rates.scale /= sqrt(correction(params.log_beta2, t));
  }
  return rates;
}

fn descend(k: u32, parameter: vec4f, gradient: vec4f, rates: Rates) {
  if (OPTIMIZER == SGD) {
    parameters[k] = parameter - rates.eta * gradient;
  } else if (OPTIMIZER == MOMENTUM) {
    let m = rates.beta1 * first_moment[k] + gradient;
    first_moment[k] = m;
    parameters[k] = parameter - rates.eta * m;
  } else if (OPTIMIZER == ADAM) {
    let m = rates.beta1 * first_moment[k] + rates.complement1 * gradient;
    let v = rates.beta2 * second_moment[k] + rates.complement2 * gradient * gradient;
    first_moment[k] = m;
    second_moment[k] = v;
    parameters[k] = parameter - rates.eta * m / (sqrt(v) * rates.scale + rates.epsilon);
  } else {
    first_moment[k] += gradient;
  }
}

/// The same for the gradient -signal * rate; a product less for SGD.
fn ascend(k: u32, parameter: vec4f, signal: f32, rate: vec4f, rates: Rates) {
  if (OPTIMIZER == SGD) {
    parameters[k] = parameter + rates.eta * signal * rate;
  } else {
    descend(k, parameter, -signal * rate, rates);
  }
}
