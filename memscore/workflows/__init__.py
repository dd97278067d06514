"""What the commands do, as functions that Python can call."""
