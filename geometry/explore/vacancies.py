"""The emoji that is not there: the row that a sum's words would have, predicted once and for as many sums as come."""

import threading
from collections import OrderedDict
from typing import Any

import geometry
from geometry.errors import GeometryError
from geometry.explore.copying import copy_why
from geometry.explore.parameters import Parameters
from geometry.explore.planes import Planes, composite
from geometry.explore.shelf import Volume
from geometry.explore.sums import concept_of, read_sum
from geometry.products import residual_view
from geometry.vacancy import Vacancy, VacancyModel, find_vacancy, fit_vacancies
from geometry.why.options import WhyOptions

KEPT = 6
"""Fits kept, one a head and space."""


class Vacancies:
    """Fits of names to rows, made when they are first asked for."""

    def __init__(self) -> None:
        self._fits: OrderedDict[tuple[str, str], VacancyModel | GeometryError] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, volume: Volume, parameters: Parameters, planes: Planes) -> dict[str, Any]:
        """Answer ``/api/vacancy``: the row, its controls, and where it lies on the maps."""
        asked = read_sum(parameters, volume)
        concept = concept_of(volume, asked)
        direction = float(sum(term.weight for term in concept.terms if term.kind == "direction"))
        try:
            model = self._fit(volume, asked.space).asked_with(direction)
            found = find_vacancy(model, concept, hull=volume.is_small)
        except GeometryError as error:
            return {"vacancy": None, "reason": str(error)}
        copied = copy_why(
            volume, asked.expression, space=asked.space, among="all", rivals=WhyOptions().k, vacancy=True
        )  # fmt: skip
        return {
            "vacancy": found.to_dict(),
            "name": found.name,
            **self._placed(volume, found, planes),
            "head": volume.name,
            "fingerprint": volume.head.fingerprint,
            "expression": asked.expression,
            "space": asked.space,
            "command": copied.command,
            "python": copied.python,
            "seed": found.seed,
            "version": geometry.__version__,
        }

    def _fit(self, volume: Volume, space: Any) -> VacancyModel:
        key = (volume.name, str(space))
        with self._lock:
            found = self._fits.get(key)
        if found is None:
            head = volume.head.in_space(space)
            try:
                found = fit_vacancies(head, candidates=head.candidates(), seed=WhyOptions().seed)
            except GeometryError as error:
                found = error
            with self._lock:
                self._fits[key] = found
                while len(self._fits) > KEPT:
                    self._fits.popitem(last=False)
        if isinstance(found, GeometryError):
            raise found
        return found

    def _placed(self, volume: Volume, found: Vacancy, planes: Planes) -> dict[str, Any]:
        head = volume.head.in_space(found.space)  # type: ignore[arg-type]
        if residual_view(head) is not head:
            return {"composite": {"umap": None, "pca": None}, "nearest": []}
        told = composite(planes, volume, head.space.name, found.row)
        return {"composite": {"umap": told["umap"], "pca": told["pca"]}, "nearest": told["nearest"]}
