"""The vacancy: the row that a missing emoji would have, and how far that can be believed."""

from geometry.vacancy.model import VacancyModel, fit_vacancies
from geometry.vacancy.place import find_vacancy
from geometry.vacancy.record import Vacancy

__all__ = ["Vacancy", "VacancyModel", "find_vacancy", "fit_vacancies"]
