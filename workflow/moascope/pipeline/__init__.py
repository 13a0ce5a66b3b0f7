"""Inputs of rules, digests of code, devices, logs and the summary of a run."""
