"""MoAscope: mechanism-of-action profiling of high-content screens."""
