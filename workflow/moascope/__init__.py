"""MoAscope: mechanism-of-action profiling of high-content screens."""

__version__ = "0.2.0"
