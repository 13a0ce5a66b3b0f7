"""What rules and jobs need besides results: paths, digests of code, devices, logs."""
