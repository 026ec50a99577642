"""`python -m services.cli`: the same as `guidui`."""

from services.cli import main

main()
