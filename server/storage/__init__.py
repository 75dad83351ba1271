"""The picture store: finished pictures that callers want kept, and their catalogue."""
