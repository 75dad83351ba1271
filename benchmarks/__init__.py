"""Side-by-side measurements; their committed results lie in results/."""
