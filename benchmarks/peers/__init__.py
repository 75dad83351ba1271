"""The project's main benchmark: this gateway beside other serving systems, on the same work."""
