"""How good generated pictures are: distances between sets, neighbours, diversity."""
