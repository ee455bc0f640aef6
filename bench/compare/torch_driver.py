"""Runs the comparison's step with classes of the authors' public code, which stays where it is.

    python3 torch_driver.py CHECKOUT THREADS

Reads requests from the standard input and answers each with one line, both JSON: {"open": {...}} sets a problem up,
{"run": STEPS} does steps, {"read": true} returns rates and weights. Arrays are f32 in base64.
"""

import base64
import importlib
import json
import sys

import torch


def find(*names):
    """The first of some names "module.Class" that the checkout has; its folders were renamed once."""
    for name in names:
        module, _, attribute = name.rpartition(".")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ImportError:
            continue
    raise ImportError("the checkout has none of " + ", ".join(names))


def decode(text, *shape):
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32).reshape(shape).clone()


def encode(tensor):
    return base64.b64encode(tensor.detach().cpu().contiguous().numpy().tobytes()).decode()


class Block:
    """One recurrent layer of the authors' dynamics. Biases stay as they are, as in the other engines."""

    def __init__(self, problem, device):
        size = problem["size"]
        linear = find("lib.gle.layers.GLELinear", "lib.layers.GLELinear")(size, size)
        with torch.no_grad():
            linear.weight.copy_(decode(problem["weight"], size, size))
            linear.bias.copy_(decode(problem["bias"], size))
        linear.to(device)
        dynamics = find("lib.gle.dynamics.GLEDynamics", "lib.dynamics.GLEDynamics")
        self.layer = dynamics(
            linear,
            dt=1.0,
            tau_m=float(problem["tauM"]),
            tau_r=float(problem["tauR"]),
            phi=torch.tanh,
            phi_prime=lambda x: 1 - torch.tanh(x) ** 2,
            prospective_errors=True,
        ).to(device)
        self.target = decode(problem["target"], problem["batch"], size).to(device)
        self.beta = problem["beta"]
        self.layer.initialize_dynamic_variables_to_zero(torch.zeros_like(self.target))
        self.optimizer = torch.optim.SGD([linear.weight], lr=problem["eta"])

    def run(self, steps):
        layer, target, beta = self.layer, self.target, self.beta
        with torch.no_grad():
            for _ in range(steps):
                layer(layer.r, layer.e_bottom + beta * (target - layer.r))
                layer.update_dynamic_variables()
                self.optimizer.step()
        if target.is_cuda:
            torch.cuda.synchronize()

    def read(self):
        return {"rate": encode(self.layer.r), "weight": encode(self.layer.conn.weight)}


def answer(request, block, device):
    """The block from now on, and what is said."""
    if "open" in request:
        return Block(request["open"], device), {"version": torch.__version__, "device": device}
    if "run" in request:
        block.run(request["run"])
        return block, {}
    return block, block.read()


def main(checkout, threads):
    sys.path.insert(0, checkout)
    torch.set_num_threads(int(threads))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    answers, sys.stdout = sys.stdout, sys.stderr
    block = None
    for line in sys.stdin:
        try:
            block, said = answer(json.loads(line), block, device)
        except Exception as error:
            said = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(said) + "\n")
        answers.flush()


main(*sys.argv[1:])
