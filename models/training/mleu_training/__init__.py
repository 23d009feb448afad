"""The recipe that makes MLEU's weights: data, colour classes, network, losses, training loop, export."""
