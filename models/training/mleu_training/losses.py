# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a network is trained for: its colour classes, and the sum of its loss terms."""

import torch
import torch.nn.functional as F

from . import color

# a*, b* of the unit that mean squared errors of class means and of combined heads are in: about the spread of colours.
SPREAD = 20.0


def regression_scale(head):
    """a*, b* of one unit of the network's regressed output. The paper's ends in tanh, and has to reach every colour."""
    return float(color.LIMIT) if head == "regression" else SPREAD


def undone(config, rarity):
    """[n] to subtract from the logits: what the rarity weights made too likely, as far as `rarity_undone` says."""
    return config.get("rarity_undone", 0.0) * rarity.log()


class Objective:
    """The loss of one network. Terms, each with its factor in the configuration's `losses`:

    classes     weighted cross-entropy against the soft-encoded target; a pixel weighs as its most probable class
    regression  mean squared error of the regressed a*, b*, in units of the output
    mean        mean squared error of the mean over the class distribution, in units of SPREAD
    consistency mean squared difference of the colours of two frames of one scene (data.Batches, `pairs`), likewise

    The last two are of the distribution that the model file will give, `rarity_undone` of the rarity weights taken back, and
    consistency of a combined head is that of the blended colours: what is seen is what holds still.
    """

    def __init__(self, config, histogram):
        self.head, self.factors = config["head"], config["losses"]
        unknown = set(self.factors) - {"classes", "regression", "mean", "consistency"}
        if unknown:
            raise SystemExit(f'{config["name"]}: unknown loss "{min(unknown)}"')
        self.classes = 0
        self.bins = self.weights = None
        if self.head != "regression":
            if config.get("bins", "grid") == "clustered":
                self.bins = color.clustered(histogram, config["classes"], seed=1)
                mask = torch.ones(len(self.bins), dtype=torch.bool)
            else:
                self.bins = color.grid_classes()
                mask = color.reachable(self.bins)
            self.classes = len(self.bins)
            self.encode = color.SoftEncoding(self.bins, mask)
            rarity = config["rarity"]
            self.weights = color.rarity_weights(self.encode.prior(histogram), self.bins, mask, rarity["power"],
                                                rarity["smoothing"])
            self.undone = undone(config, self.weights)
            self.blend = config.get("blend", 0.0)

    def to(self, device):
        if self.classes:
            self.encode.to(device)
            self.device_bins, self.device_weights = self.bins.to(device), self.weights.to(device)
            self.device_undone = self.undone.to(device).view(1, -1, 1, 1)
        return self

    def _consistency(self, colours, shift):
        """colours [n, 2, h, w], the second half's frames moved by `shift` (y, x) in their pixels against the first's."""
        first, second = colours.chunk(2)
        height, width = first.shape[2:]
        (y, x), (down, right) = (max(int(s), 0) for s in shift), (max(-int(s), 0) for s in shift)
        rows, columns = height - y - down, width - x - right
        first = first[:, :, y : y + rows, x : x + columns]
        second = second[:, :, down : down + rows, right : right + columns]
        return F.mse_loss(first / SPREAD, second / SPREAD)

    def __call__(self, output, ab, shift=(0, 0)):
        """output [n, channels, h, w] of the network, the true ab [n, 2, h, w] -> name -> term, factors applied."""
        output, terms = output.float(), {}
        logits, regressed = output[:, : self.classes], output[:, self.classes :]
        if "classes" in self.factors:
            index, weight = self.encode(ab)
            log_p = F.log_softmax(logits, 1).permute(0, 2, 3, 1)
            cross_entropy = -(log_p.gather(3, index) * weight).sum(3)
            terms["classes"] = (cross_entropy * self.device_weights[index[..., 0]]).mean()
        if "regression" in self.factors:
            terms["regression"] = F.mse_loss(regressed, ab / regression_scale(self.head))
        if self.classes and ("mean" in self.factors or "consistency" in self.factors):
            mean = torch.einsum("nchw,cd->ndhw", torch.softmax(logits - self.device_undone, 1), self.device_bins)
        if "mean" in self.factors:
            terms["mean"] = F.mse_loss(mean / SPREAD, ab / SPREAD)
        if "consistency" in self.factors:
            colours = regressed * regression_scale(self.head) if self.head != "classes" else mean
            if self.head == "combined":
                colours = torch.lerp(mean, colours, self.blend)
            terms["consistency"] = self._consistency(colours, shift)
        return {name: self.factors[name] * term for name, term in terms.items()}
