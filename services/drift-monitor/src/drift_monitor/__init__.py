"""Watches decisions and their outcomes in the language of credit risk, and says ok, watch, retrain or stop.

Reads the journal and a bundle's baseline; changes neither. Does not know how a PD is made.
"""
