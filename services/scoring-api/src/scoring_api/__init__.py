"""The scoring API: answers applicants with a PD, a score, a decision and its reasons, and proves which model did.

handlers (HTTP) -> scoring (pure) -> journal (storage). Imports the contract; never training, never torch.
"""
