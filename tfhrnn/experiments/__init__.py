"""One module a table; `python -m tfhrnn experiment NAME`."""
