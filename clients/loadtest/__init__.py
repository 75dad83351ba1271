"""The load tester: puts a load on a server of pictures and says what its callers saw."""
