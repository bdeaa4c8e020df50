"""How a convolution or a pooling slides over its input."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """The window of a convolution or a pooling; pairs are (rows, columns).

    Args:
        kernel_size: (height, width).
        stride: (down, across).
        padding: (above and below, left and right).
        dilation: (down, across).
        groups: the channels are parted into so many.
    """

    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def turned(self) -> Window:
        """The same over maps whose rows and columns have changed places."""
        rows, columns = self.along(0), self.along(1)
        kernel_size, stride, padding, dilation = zip(columns, rows, strict=True)
        return Window(kernel_size, stride, padding, dilation, self.groups)

    def along(self, axis: int) -> tuple[int, int, int, int]:
        """Kernel size, stride, padding and dilation: down the rows (0), or across columns (1)."""
        return self.kernel_size[axis], self.stride[axis], self.padding[axis], self.dilation[axis]
