"""Where weights lie on the page: a window over two of them, or a triangle over three that add to one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, eq=False)
class Frame:
    """An affine map from the first two weights to inches within the axes, x to the right and y upwards.

    Attributes:
        matrix, origin: inches = matrix · weights + origin.
        domain: the weights that are shown, a convex polygon.
        size: width and height of the axes, in inches.
    """

    matrix: Float64[np.ndarray, "2 2"]
    origin: Float64[np.ndarray, "2"]
    domain: Float64[np.ndarray, "corners 2"]
    size: tuple[float, float]

    def inches(self, weights: Float64[np.ndarray, "*points weights"]) -> Float64[np.ndarray, "*points 2"]:
        """Return where weights lie; a third one, which follows from the others, is ignored."""
        placed: Float64[np.ndarray, "*points 2"] = weights[..., :2] @ self.matrix.T + self.origin
        return placed

    def weights(self, inches: Float64[np.ndarray, "*points 2"]) -> Float64[np.ndarray, "*points 2"]:
        """Return the first two weights of points on the page."""
        found: Float64[np.ndarray, "*points 2"] = (inches - self.origin) @ np.linalg.inv(self.matrix).T
        return found

    def fractions(self, inches: Float64[np.ndarray, "*points 2"]) -> Float64[np.ndarray, "*points 2"]:
        """Return points as fractions of the axes, as matplotlib's ``transAxes`` takes them."""
        shares: Float64[np.ndarray, "*points 2"] = inches / np.array(self.size)
        return shares


def window_frame(window: tuple[float, float, float, float], size: tuple[float, float]) -> Frame:
    """Return the frame of a rectangle of two weights, (first from, to, second from, to), over the whole axes."""
    left, right, low, high = window
    scale = np.array([size[0] / (right - left), size[1] / (high - low)])
    domain = np.array([[left, low], [right, low], [right, high], [left, high]], dtype=np.float64)
    return Frame(np.diag(scale), -np.array([left, low]) * scale, domain, size)


def triangle_height(width: float, *, below: float, beside: float) -> float:
    """Return how high axes have to be for the largest triangle of their width."""
    return float((width - 2 * beside) * np.sqrt(0.75)) + 2 * below


def triangle_frame(size: tuple[float, float], *, below: float, beside: float) -> Frame:
    """Return the frame of the largest equilateral triangle that leaves room for its labels.

    The first weight is 1 at the lower left corner, the second at the lower right one, the third at the top.
    """
    side = min(size[0] - 2 * beside, (size[1] - 2 * below) / np.sqrt(0.75))
    height = side * np.sqrt(0.75)
    left, low = (size[0] - side) / 2, (size[1] - height) / 2
    first, second, third = np.array([[left, low], [left + side, low], [left + side / 2, low + height]])
    matrix = np.column_stack([first - third, second - third])
    return Frame(matrix, third, np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), size)
