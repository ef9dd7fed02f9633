"""Records the arguments of the training loop."""

import pytest

from transfer_gain.training import loop


class Spy:
    """Lets `loop.fit` work and keeps what it was given: batches, changed, parameters, loss."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.fit = loop.fit
        monkeypatch.setattr(loop, "fit", self)

    def __call__(self, parameters, loss, batches, learning_rate, pauses, **options):
        self.start = [parameter.numpy() for parameter in parameters]
        (self.batches, *self.changed), self.parameters = batches, parameters
        self.first_loss = float(loss(parameters, *(batch[0] for batch in batches)))
        yield from self.fit(parameters, loss, batches, learning_rate, pauses, **options)
