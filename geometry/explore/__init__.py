"""The page in a browser: a head's sums, why they land where they do, and the map they land on, answered from here.

The server binds to this machine alone unless told otherwise, opens only the heads it was started with, asks nobody
else for anything, and answers every question with the library's own functions: `answers`, `vacancies`, `planes` and
`lenses` add no formula of their own.
"""
