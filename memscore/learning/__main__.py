"""Train the trials of a study without a service: `python -m memscore.learning --help`.

Writes an evidence file, which `memscore evidence import` merges into a study. Needs neither Ray nor a database, so it
runs on any machine with torch. If the file exists, training resumes from it.
"""

from memscore.launch import launch

if __name__ == "__main__":
    launch("memscore.learning.command")
