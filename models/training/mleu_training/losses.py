# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a network is trained for: its colour classes, and the sum of its loss terms."""

import math

import torch
import torch.nn.functional as F

from . import color

# a*, b* of the unit that mean squared errors of class means and of combined heads are in: about the spread of colours.
SPREAD = 20.0
# Of a picture's squared error, in units of SPREAD squared (about three a*, b*), where its logarithm is taken.
FLOOR = 0.02
# a*, b*: colours that differ by much less are alike.
JUST_SEEN = 0.3


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
    consistency mean distance of the colours of two frames of one scene (data.Batches, `pairs`) where both show the same, as a
                part of their mean chroma: paler colours are no steadier
    teacher     how far the output is from the mean of model files', of the same picture before it aged: Kullback-Leibler
                divergence of the class distributions, and mean squared error of the regressed a*, b*

    Squared errors against the truth are means over all pixels; with `errors` "logarithmic" the mean over the pictures of the
    logarithm of theirs, which is what PSNR measures: a picture that is nearly right counts as much as one that is far off.

    Teacher, mean and consistency are of the distribution that the model file will give, `rarity_undone` of the rarity weights taken back, and
    consistency of a combined head is that of the blended colours: what is seen is what holds still.
    """

    def __init__(self, config, histogram):
        self.head, self.factors = config["head"], config["losses"]
        unknown = set(self.factors) - {"classes", "regression", "mean", "consistency", "teacher"}
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
        self.logarithmic = config.get("errors") == "logarithmic"

    def to(self, device):
        if self.classes:
            self.encode.to(device)
            self.device_bins, self.device_weights = self.bins.to(device), self.weights.to(device)
            self.device_undone = self.undone.to(device).view(1, -1, 1, 1)
        return self

    def _consistency(self, colours, pair):
        """colours [n, 2, h, w], of a data.Pair in their pixels."""
        first, second = colours.chunk(2)
        height, width = first.shape[2:]
        (y, x), (down, right) = (max(int(s), 0) for s in pair.shift), (max(-int(s), 0) for s in pair.shift)
        rows, columns = height - y - down, width - x - right
        first = first[:, :, y : y + rows, x : x + columns]
        second, hidden = (of_second[..., down : down + rows, right : right + columns] for of_second in (second, pair.hidden))

        def length(vectors):
            return ((vectors**2).sum(1) + JUST_SEEN**2).sqrt() - JUST_SEEN

        # Not by indices, for whose number a GPU would be waited for.
        apart, chroma = ((~hidden * values).sum() for values in (length(first - second), (length(first) + length(second)) / 2))
        return apart / (chroma + 1)

    def _error(self, colours, truth):
        """Of [n, 2, h, w], both in units of SPREAD where the errors are logarithmic."""
        of_pictures = ((colours - truth) ** 2).mean((1, 2, 3))
        return (torch.log(of_pictures + FLOOR) if self.logarithmic else of_pictures).mean()

    def colours(self, output, temperature=1.0):
        """[n, channels, h, w] -> a*, b* [n, 2, h, w] as the model file will give them, but for its saturation."""
        logits, regressed = output[:, : self.classes], output[:, self.classes :]
        if self.classes:
            mean = self._mean(logits, temperature)
        if self.head == "classes":
            return mean
        regressed = regressed * regression_scale(self.head)
        return torch.lerp(mean, regressed, self.blend) if self.head == "combined" else regressed

    def _mean(self, logits, temperature=1.0):
        return torch.einsum("nchw,cd->ndhw", torch.softmax((logits - self.device_undone) / temperature, 1), self.device_bins)

    def __call__(self, output, ab, pair=None, taught=()):
        """output [n, channels, h, w] of the network, the true ab [n, 2, h, w], how its frames belong together, the teachers'
        outputs -> name -> term, factors applied."""
        output, terms = output.float(), {}
        logits, regressed = output[:, : self.classes], output[:, self.classes :]
        if "classes" in self.factors:
            index, weight = self.encode(ab)
            log_p = F.log_softmax(logits, 1).permute(0, 2, 3, 1)
            cross_entropy = -(log_p.gather(3, index) * weight).sum(3)
            terms["classes"] = (cross_entropy * self.device_weights[index[..., 0]]).mean()
        if "teacher" in self.factors:
            taught, terms["teacher"] = [theirs.float() for theirs in taught], 0
            regressions = [theirs[:, self.classes :] for theirs in taught if theirs.shape[1] > self.classes]
            if self.head != "classes" and regressions:
                terms["teacher"] += F.mse_loss(regressed, sum(regressions) / len(regressions))
            if self.classes:
                their_log_p = torch.logsumexp(torch.stack([F.log_softmax(theirs[:, : self.classes], 1) for theirs in taught]), 0)
                divergence = F.kl_div(F.log_softmax(logits - self.device_undone, 1), their_log_p - math.log(len(taught)),
                                      reduction="none", log_target=True)
                terms["teacher"] += divergence.sum(1).mean()
        if "regression" in self.factors:
            terms["regression"] = self._error(regressed, ab / regression_scale(self.head))
        if "mean" in self.factors:
            terms["mean"] = self._error(self._mean(logits) / SPREAD, ab / SPREAD)
        if "consistency" in self.factors:
            terms["consistency"] = self._consistency(self.colours(output), pair)
        return {name: self.factors[name] * term for name, term in terms.items()}
