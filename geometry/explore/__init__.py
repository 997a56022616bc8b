"""The page in a browser: a head's sums, why they land where they do, and the map they land on, answered from here.

The server binds to this machine alone unless told otherwise, opens only the heads it was started with, asks nobody
else for anything, and answers every question with the library's own functions.

A request comes over a socket (`serving`, `connections`), past the `guards`, to an address (`app`) and to the `desk`,
where its `parameters` are read within `limits` and it waits for its turn (`turns`) at a thread (`crew`). Heads stand
on the `shelf`. A sum is read in `sums`, with the sliders' weights by `rewriting`. `answers`, `vacancies`, `planes`
(UMAPs by `drawing`) and `lenses` answer and add no formula of their own; `copying` says how to ask the same elsewhere,
`refusals` what is not answered. `files` are the page's own.
"""
