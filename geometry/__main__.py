"""``python -m geometry``: the command line."""

from geometry.cli import main

main()
