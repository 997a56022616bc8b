"""Which tokens can come first at all: distances of rows from the convex hull of the others.

    λ(t) = max over ‖x‖ ≤ 1 of min over j of (w_t − w_j)·x  =  dist(w_t, conv{w_j})

the largest margin, for a residual of unit length, with which t can win over every other row of a head without bias;
0 where it never wins. Solved as the point of least norm in the hull of p_j = w_j − w_t, by column generation: only rows
that reach further towards the target than those known are ever looked at closely. Every point x of the hull bounds λ
from above by ‖x‖ and from below by min p_j·x/‖x‖, and the difference is reported.
"""

from geometry.reachability.distance import HullDistance, hull_distance, hull_distances

__all__ = ["HullDistance", "hull_distance", "hull_distances"]
