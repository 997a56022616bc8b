"""The emoji that is not there: the row that a sum's words would have, predicted once and for as many sums as come."""

from functools import lru_cache
from typing import Any

from geometry.choices import SpaceName
from geometry.errors import GeometryError
from geometry.explore.copying import copy_why, stamp
from geometry.explore.parameters import Parameters
from geometry.explore.planes import Planes, composite
from geometry.explore.shelf import Volume
from geometry.explore.sums import explained, read_sum
from geometry.head import Head
from geometry.products import residual_view
from geometry.vacancy import Vacancy, VacancyModel, find_vacancy, fit_vacancies
from geometry.why.options import WhyOptions

KEPT = 6
"""Fits kept, one a head and space, those used last."""


def vacancy(volume: Volume, parameters: Parameters, planes: Planes) -> dict[str, Any]:
    """Answer ``/api/vacancy``: the row, its controls, and where it lies on the maps."""
    asked = read_sum(parameters, volume)
    concept = explained(volume, asked).concept  # what cannot be explained has no row either
    direction = float(sum(term.weight for term in concept.terms if term.kind == "direction"))
    fitted = _fitted(volume.head, asked.space)
    try:
        if isinstance(fitted, GeometryError):
            raise fitted
        found = find_vacancy(fitted.asked_with(direction), concept, hull=volume.is_small)
    except GeometryError as error:
        return {"vacancy": None, "reason": str(error)}
    copied = copy_why(
        volume, asked.expression, space=asked.space, among="all", rivals=WhyOptions().k, vacancy=True
    )  # fmt: skip
    return {
        "vacancy": found.to_dict(),
        "name": found.name,
        **_placed(volume, found, planes),
        **stamp(volume, copied, found.seed),
        "expression": asked.expression,
        "space": asked.space,
    }


@lru_cache(maxsize=KEPT)
def _fitted(head: Head, space: SpaceName) -> VacancyModel | GeometryError:
    """Fit names to rows, or return why that cannot be done; either is found out once."""
    viewed = head.in_space(space)
    try:
        return fit_vacancies(viewed, candidates=viewed.candidates(), seed=WhyOptions().seed)
    except GeometryError as error:
        return error


def _placed(volume: Volume, found: Vacancy, planes: Planes) -> dict[str, Any]:
    head = volume.head.in_space(found.space)  # type: ignore[arg-type]
    if residual_view(head) is not head:
        return {"composite": {"umap": None, "pca": None}, "nearest": []}
    told = composite(planes, volume, head.space.name, found.row)
    return {"composite": {"umap": told["umap"], "pca": told["pca"]}, "nearest": told["nearest"]}
