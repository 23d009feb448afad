# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the program `predict` writes with --lightness and --ab."""

import numpy as np


def read_planes(path, planes):
    """float32 [planes, h, w] for every picture, in their order."""
    data, result, at = np.fromfile(path, np.uint8), [], 0
    while at < len(data):
        width, height = data[at : at + 8].view("<u4")
        end = at + 8 + 4 * planes * int(width) * int(height)
        result.append(data[at + 8 : end].view("<f4").reshape(planes, height, width))
        at = end
    return result
