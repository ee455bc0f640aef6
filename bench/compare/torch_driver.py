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


class PublishedNetwork:
    """The authors' network for MNIST-1D in their own loop of training, less what only reports."""

    def __init__(self, problem, device):
        network = find("experiments.mnist1d.networks.E2ELagMLPNet")
        _, network.compute_target_error = find("lib.utils.get_loss_and_derivative")("ce", "linear")
        hidden = problem["layers"][:-1]
        # How many of a layer are fast says nothing, as the time constants are those of the other engines, in their order.
        size = hidden[0]["size"]
        self.model = network(
            dt=0.2, tau=1.2, prospective_errors=True, n_hidden_layers=len(hidden), hidden_fast_size=0, hidden_slow_size=size
        )
        self.layers = list(self.model.children_with_dynamics())
        for layer, given in zip(self.layers, problem["layers"], strict=True):
            spread = torch.ones(given["size"])
            layer.tau_m = torch.tensor(given["tauM"]) * spread
            layer.tau_r = torch.tensor(given["tauR"]) * spread
            with torch.no_grad():
                layer.conn.weight.copy_(decode(given["weight"], *layer.conn.weight.shape))
                layer.conn.bias.copy_(decode(given["bias"], given["size"]))
        if device == "cuda":
            self.model.cuda()
        self.input = decode(problem["input"], problem["batch"], 1).to(device)
        self.labels = decode(problem["labels"], problem["batch"]).long().to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=problem["eta"])

    def run(self, steps):
        for _ in range(steps):
            self.optimizer.zero_grad()
            with torch.no_grad():
                self.model(self.input, self.labels, beta=1.0)
            self.optimizer.step()
        if self.input.is_cuda:
            torch.cuda.synchronize()

    def read(self):
        rates = torch.cat([layer.r.flatten() for layer in self.layers])
        weights = torch.cat([layer.conn.weight.flatten() for layer in self.layers])
        return {"rate": encode(rates), "weight": encode(weights)}


def answer(request, block, device):
    """The block from now on, and what is said."""
    if "open" in request:
        problem = request["open"]
        kind = PublishedNetwork if "layers" in problem else Block
        return kind(problem, device), {"version": torch.__version__, "device": device}
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
