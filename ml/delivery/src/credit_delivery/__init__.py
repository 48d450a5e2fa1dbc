"""Release, promotion, and the platform on a laptop: everything between a trained candidate and a running pod.

Knows git, images and clusters. Does not train, and serves nothing.
"""
