"""What a run says of its own end."""

from __future__ import annotations

from layerscope.training.runs.endings import ending


def test_which_weights_and_why_it_ended() -> None:
    assert ending(best_epoch=2, done=5, epochs=5).endswith("epoch 2 of 5, the best on validation")
    early = ending(best_epoch=4, done=7, epochs=40, stop_after_epochs=3)
    assert "epoch 4 of 7" in early and "after 7 of 40 epochs" in early
    assert "not become better for 3" in early
    broken = ending(best_epoch=1, done=1, epochs=3, broke=True)
    assert "stopped being finite" in broken and "stop_after" not in broken
    assert "began with" in ending(best_epoch=0, done=0, epochs=3)
