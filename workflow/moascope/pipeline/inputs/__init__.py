"""Inputs and parameters of the rules, by stage, without any object of Snakemake."""
