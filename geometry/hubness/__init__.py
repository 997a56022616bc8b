"""Hubness: rows that are near to more than their share of the others, and rows that are near to none."""

from geometry.hubness.forms import NEIGHBORS, check_metric
from geometry.hubness.gaussian import GaussianRows, gaussian_biases, gaussian_rows
from geometry.hubness.means import LocalMeans, local_means, means_of
from geometry.hubness.occurrence import MOST_WORK, Occurrence, gaussian_occurrence, occurrence

__all__ = [
    "MOST_WORK",
    "NEIGHBORS",
    "GaussianRows",
    "LocalMeans",
    "Occurrence",
    "check_metric",
    "gaussian_biases",
    "gaussian_occurrence",
    "gaussian_rows",
    "local_means",
    "means_of",
    "occurrence",
]
