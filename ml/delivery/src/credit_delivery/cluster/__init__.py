"""The whole platform on a laptop: a kind cluster that Argo CD fills from a git server inside it.

`up` wires the steps; each module does one of them and may be run again at any time. Does not train or judge models.
"""
