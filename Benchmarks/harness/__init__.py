"""The benchmark harness: programs that are compared, loads, cases and the report."""
