"""Python without a service: estimates and studies in this process, with displays and plots for notebooks.

The same application as that of the service and the commands runs here, over the home folder: a study made in a notebook
is one of `memscore studies list`, and the other way round.
"""
