"""The work of the commands, as functions to call from Python."""
