"""The Neuron page."""
