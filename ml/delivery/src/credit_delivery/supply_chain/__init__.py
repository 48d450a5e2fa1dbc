"""What is said about all that leaves this repository: its parts, their licences and known holes, and how it is signed.

Does not know models, environments' contents or clusters.
"""
